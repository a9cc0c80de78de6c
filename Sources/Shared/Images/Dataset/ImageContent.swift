import Files

/// What a data set holds of one image.
public enum ImageContent: Sendable {
  /// A whole image file, whatever it turns out to be.
  ///
  /// - Parameter subject: what errors call it.
  case encoded(FileSlice, subject: String)
  case pixels(RGBImage)

  /// The image.
  ///
  /// - Throws: ``InputError`` where a file is no image that can be decoded, as ``ImageDecoder`` says.
  public func decoded() throws(InputError) -> RGBImage {
    switch self {
    case .pixels(let image): image
    case .encoded(let slice, let subject):
      try slice.withBytes { (bytes) throws(InputError) in try ImageDecoder.decode(bytes, subject: subject) }
    }
  }
}
