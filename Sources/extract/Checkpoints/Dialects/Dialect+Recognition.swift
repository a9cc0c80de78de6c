import Files

extension Dialect {
  /// Tells whose names a checkpoint's weights have, and where its encoder is.
  ///
  /// - Parameter isSimMIM: whether the user says that it is SimMIM's.
  /// - Throws: ``InputError`` where no dialect fits, or several encoders have an equal claim.
  static func recognize(
    _ dictionary: StateDictionary, isSimMIM: Bool, path: String
  ) throws(InputError) -> (dialect: Dialect, place: EncoderPlace) {
    let names = CheckpointNames(dictionary)
    if let reason = ForeignArchitecture.reason(names) { throw InputError(path, reason) }
    for dialect in all {
      let places = names.places(of: dialect.anchor).filter { place in
        dialect.marks.allSatisfy { names.holds($0, at: place) }
      }
      guard let place = places.first else { continue }
      let rivals = places.filter { $0.rank == place.rank }
      guard rivals.count == 1 else {
        throw InputError(
          path,
          "holds several encoders: \(excerpt(rivals.map { $0.prefix.isEmpty ? "at the top" : $0.prefix }))",
          remedy: "name one with --checkpoint-key")
      }
      return (isSimMIM ? try dialect.asSimMIM(path: path) : dialect, place)
    }
    if ForeignArchitecture.readsText(names) {
      throw InputError(path, "holds a model of text and no encoder of images")
    }
    throw InputError(
      path, "holds no Vision Transformer under any names that are known",
      remedy:
        "the names here are \(excerpt(names.names)); another state dict of the file can be named "
        + "with --checkpoint-key")
  }

  /// SimMIM's encoder without its decoder, or fine-tuned, has names that others have as well.
  private func asSimMIM(path: String) throws(InputError) -> Dialect {
    guard ["simmim", "beit", "timm"].contains(name) else {
      throw InputError(path, "is no checkpoint of SimMIM but of \(name)", remedy: "leave out --simmim")
    }
    return .simMIM
  }
}
