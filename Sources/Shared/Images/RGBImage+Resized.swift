extension RGBImage {
  /// The whole image at another size, with the bicubic filter.
  ///
  /// - Parameter size: sides of 1 to 16384 pixels.
  public func resized(to size: PixelSize) -> RGBImage {
    guard size != PixelSize(height: height, width: width) else { return self }
    do {
      let resizing = try Preprocessing(
        resize: size, crop: size, cropMode: .squash, mean: [0, 0, 0], standardDeviation: [1, 1, 1])
      return Preprocessor(resizing).resizedPixels(of: self)
    } catch {
      preconditionFailure("an image cannot be \(size) pixels: \(error.reason)")
    }
  }
}

extension PixelSize {
  /// The size with these proportions whose longer side is so many pixels.
  public func scaled(toLongerSide length: Int) -> PixelSize {
    let longer = Double(max(height, width))
    func side(_ side: Int) -> Int { max(1, Int((Double(side) * Double(length) / longer).rounded())) }
    return PixelSize(height: side(height), width: side(width))
  }
}
