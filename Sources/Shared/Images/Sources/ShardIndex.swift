import Files

/// An image in an archive, and its label.
struct ShardSample {
  /// Of the archive's member.
  let imageName: String
  let image: FileSlice
  /// -1 where the sample says so; nil where it says nothing.
  let label: Int32?
}

/// Puts the members of an archive together to samples.
struct ShardIndex {
  private let path: String
  private var samples: [ShardSample] = []
  private var keys: Set<[UInt8]> = []
  /// The sample that is being put together: its key, and its members by what is behind the first dot.
  private var key: [UInt8] = []
  private var members: [[UInt8]: TarMember] = [:]

  private static let imageEndings = ["jpg", "jpeg", "png"].map { Array($0.utf8) }
  private static let (classEnding, jsonEnding) = (Array("cls".utf8), Array("json".utf8))
  private static let maximumJSONByteCount = 16 << 20

  /// - Returns: an archive's samples, in its order.
  /// - Throws: ``InputError`` where the archive is damaged; a sample has no image that is read, or several; its members
  ///   are not next to each other, are there twice or are links; or its label is not a number.
  static func samples(of path: String) throws(InputError) -> [ShardSample] {
    var index = ShardIndex(path)
    var reader = TarReader(try MappedFile(path))
    while let member = try reader.next() { try index.add(member) }
    try index.finishSample()
    return index.samples
  }

  private init(_ path: String) { self.path = path }

  /// The key of a member's sample and what is behind its first dot, as WebDataset splits names; nil for names without.
  ///
  /// Both as bytes: Swift takes texts for equal that are equivalent in Unicode, and samples with such names are two.
  private static func split(_ name: String) -> (key: [UInt8], ending: [UInt8])? {
    let start = folder(of: name).utf8.count
    let bytes = Array(name.utf8)
    guard let dot = bytes[start...].firstIndex(of: UInt8(ascii: ".")), dot > start else { return nil }
    let ending = String(decoding: bytes[(dot + 1)...], as: UTF8.self).lowercased()
    return (Array(bytes[..<dot]), Array(ending.utf8))
  }

  private mutating func add(_ member: TarMember) throws(InputError) {
    // WebDataset keeps notes on the whole archive under such names.
    let top = member.name.utf8.prefix { $0 != UInt8(ascii: "/") }
    if top.starts(with: "__".utf8), top.suffix(2).elementsEqual("__".utf8) { return }
    guard let (key, ending) = Self.split(member.name) else { return }
    if key != self.key || members.isEmpty {
      try finishSample()
      self.key = key
      guard keys.insert(key).inserted else {
        throw InputError(
          path, "holds \(member.name) apart from its sample's other members",
          remedy: "make the archive with names in order, as tar --sort=name does")
      }
    }
    guard !member.isLink || !Self.belongsToSample(ending) else {
      throw InputError(
        path, "holds \(member.name) as a link", remedy: "make the archive with tar -h --hard-dereference")
    }
    guard members.updateValue(member, forKey: ending) == nil else {
      throw InputError(path, "holds \(member.name) twice")
    }
  }

  private mutating func finishSample() throws(InputError) {
    defer { members.removeAll(keepingCapacity: true) }
    guard members.keys.contains(where: Self.belongsToSample) else { return }
    let images = Self.imageEndings.compactMap { members[$0] }
    guard let image = images.first, images.count == 1 else {
      let endings = members.keys.sorted { $0.lexicographicallyPrecedes($1) }.map(Self.text)
      let reason =
        images.isEmpty
        ? "has no image among \(summary(endings))"
        : "has several images: \(summary(images.map(\.name)))"
      throw InputError(
        path, "the sample \(Self.text(key)) \(reason)", remedy: "a sample has one jpg, jpeg or png")
    }
    samples.append(ShardSample(imageName: image.name, image: image.data, label: try label()))
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  /// Whether members with this behind their first dot are an image's or a label's. What else lies in an archive, such as
  /// a `README.md`, is no sample without an image; a `cat.v2.jpg` is one, and so is a `cat.webp`, as the image would be
  /// lost.
  private static func belongsToSample(_ ending: [UInt8]) -> Bool {
    let name = "." + text(ending)
    return ending == classEnding || ending == jsonEnding
      || ImageFolder.imageEndings.contains { name.hasSuffix($0) }
  }

  private func label() throws(InputError) -> Int32? {
    var label: Int32?
    var source = ""
    if let member = members[Self.classEnding] {
      source = member.name
      let text = member.data.count < 64 ? member.data.text?.trimmingSpace : nil
      guard let number = text.flatMap({ Int32($0) }) else {
        throw InputError(path, "\(source) is not a whole number, as a label is")
      }
      label = number
    } else if let member = members[Self.jsonEnding] {
      source = member.name
      guard member.data.count <= Self.maximumJSONByteCount else {
        throw InputError(
          path,
          "\(source) has \(member.data.count) bytes, and a sample's json at most \(Self.maximumJSONByteCount)"
        )
      }
      let decoded = try member.data.withBytes { (bytes) throws(InputError) in
        try CanonicalJSON.decode(LabelledSample.self, from: bytes, subject: path + ", " + source)
      }
      label = decoded.label
    }
    guard let label else { return nil }
    guard (-1...ClassLabels.largest).contains(label) else {
      throw InputError(path, "\(source) holds the label \(label), outside -1 to \(ClassLabels.largest)")
    }
    return label
  }
}

/// What is used of a sample's `json`.
private struct LabelledSample: Decodable {
  let label: Int32?
}

extension String {
  fileprivate var trimmingSpace: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}
