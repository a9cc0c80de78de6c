import Files
import Heads
import TokenStore

extension TokenNorm {
  /// The chosen norm of the caches' encoder; nil for none.
  ///
  /// - Throws: where the encoder has no final norm.
  static func of(_ caches: CacheSet, _ choice: Choice) throws(InputError) -> TokenNorm? {
    guard choice == .final else { return nil }
    guard let norm = caches.caches[0].configuration.finalNorm else {
      throw InputError(
        "--token-norm final", "the encoder of \(caches.name) has no norm after its last block",
        remedy: "use --token-norm none")
    }
    return TokenNorm(
      weight: norm.weight, bias: norm.bias, epsilon: norm.epsilon, isCentered: norm.kind == nil)
  }
}

extension CacheSet {
  /// The chosen norm of the encoder; nil for none.
  public func norm(_ choice: TokenNorm.Choice) throws(InputError) -> TokenNorm? {
    try TokenNorm.of(self, choice)
  }
}

extension LabelledTokens {
  /// The chosen norm of the encoder whose tokens these are; nil for none.
  public func norm(_ choice: TokenNorm.Choice) throws(InputError) -> TokenNorm? {
    guard let caches else { return nil }
    return try TokenNorm.of(caches, choice)
  }
}
