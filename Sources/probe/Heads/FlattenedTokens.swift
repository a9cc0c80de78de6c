import Compute

/// All tokens as they are, one after the other, [T D]: the seed's `raw`, and features that were pooled before, whose only
/// token is the feature vector.
package struct FlattenedTokens: Pooling {
  package let outputWidth: Int
  package let parameters: [Parameter] = []

  package init(_ layout: TokenLayout) { outputWidth = layout.tokenCount * layout.width }

  package func forward(_ image: ImageTokens, index: Int, into features: UnsafeMutablePointer<Float>) {
    image.stored.decode(into: features)
  }
}
