import Files
import Heads
import TokenStore

extension TokenNorm {
  /// The chosen norm of a cache's encoder; nil for none.
  ///
  /// - Throws: where the encoder has no final norm.
  public static func of(_ cache: TokenCache, _ choice: Choice) throws(InputError) -> TokenNorm? {
    guard choice == .final else { return nil }
    guard let norm = cache.configuration.finalNorm else {
      throw InputError(
        "--token-norm final", "the encoder of \(cache.path) has no norm after its last block",
        remedy: "use --token-norm none")
    }
    return TokenNorm(weight: norm.weight, bias: norm.bias, epsilon: norm.epsilon)
  }
}
