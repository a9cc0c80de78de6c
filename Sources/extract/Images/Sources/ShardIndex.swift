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
  private var key: Substring = ""
  private var members: [String: TarMember] = [:]

  private static let imageEndings = ["jpg", "jpeg", "png"]

  /// - Returns: an archive's samples, in its order.
  /// - Throws: ``InputError`` where the archive is damaged; a sample has no image, or several; its members are not next
  ///   to each other, are there twice or are links; or its label is not a number.
  static func samples(of path: String) throws(InputError) -> [ShardSample] {
    var index = ShardIndex(path)
    var reader = TarReader(try MappedFile(path))
    while let member = try reader.next() { try index.add(member) }
    try index.finishSample()
    return index.samples
  }

  private init(_ path: String) { self.path = path }

  /// The key of a member's sample and what is behind its first dot, as WebDataset splits names; nil for names without.
  private static func split(_ name: String) -> (key: Substring, ending: String)? {
    let start =
      name.utf8.lastIndex(of: UInt8(ascii: "/")).map { name.utf8.index(after: $0) } ?? name.startIndex
    guard let dot = name.utf8[start...].firstIndex(of: UInt8(ascii: ".")), dot > start else { return nil }
    return (name[..<dot], name[name.utf8.index(after: dot)...].lowercased())
  }

  private mutating func add(_ member: TarMember) throws(InputError) {
    // WebDataset keeps notes on the whole archive under such names.
    if member.name.hasPrefix("__"), member.name.prefix(while: { $0 != "/" }).hasSuffix("__") { return }
    guard let (key, ending) = Self.split(member.name) else { return }
    if key != self.key || members.isEmpty {
      try finishSample()
      self.key = key
      guard keys.insert(Array(key.utf8)).inserted else {
        throw InputError(
          path, "holds \(member.name) apart from its sample's other members",
          remedy: "make the archive with names in order, as tar --sort=name does")
      }
    }
    guard !member.isLink else {
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
      let reason =
        images.isEmpty
        ? "has no image among \(members.keys.sorted().joined(separator: ", "))"
        : "has several images: \(images.map(\.name).joined(separator: ", "))"
      throw InputError(path, "the sample \(key) \(reason)", remedy: "a sample has one jpg, jpeg or png")
    }
    samples.append(ShardSample(imageName: image.name, image: image.data, label: try label()))
  }

  /// Whether members with this behind their first dot are an image's or a label's. What else lies in an archive, such as
  /// a `README.md`, is no sample without an image; a `cat.v2.jpg` is one, as its image would be lost.
  private static func belongsToSample(_ ending: String) -> Bool {
    ending == "cls" || ending == "json"
      || imageEndings.contains { ending == $0 || ending.hasSuffix("." + $0) }
  }

  private func label() throws(InputError) -> Int32? {
    var label: Int32?
    var source = ""
    if let member = members["cls"] {
      source = member.name
      let text = member.data.count < 64 ? member.data.text?.trimmingSpace : nil
      guard let number = text.flatMap({ Int32($0) }) else {
        throw InputError(path, "\(source) is not a whole number, as a label is")
      }
      label = number
    } else if let member = members["json"] {
      source = member.name
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
