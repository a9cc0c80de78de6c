import Compute
import Files
import Synchronization

/// The tar archives of a data set.
struct ShardList {
  /// The folder that the names start from; empty for the working one.
  let root: String
  /// In the order of their code points, or as they were written together.
  let names: [String]

  /// - Parameters:
  ///   - path: an archive, a folder of archives, or archives written together such as `train-{000..146}.tar`.
  ///   - split: a folder of archives below the path, or else a word in the names of the archives to use.
  init(path: String, split: String?) throws(InputError) {
    guard FileIdentity(path) == nil else {
      (root, names) = try Self.shards(inFolder: path, split)
      return
    }
    guard split == nil else {
      throw InputError(
        path, "is not a folder, and has no splits", remedy: "give the split's own archives, and no --split")
    }
    // A name that is there is that file's, whatever braces it holds.
    let isPattern = !exists(path) && BracePattern.isPattern(path)
    let fixed = isPattern ? path.prefix { $0 != "{" } : path[...]
    let folder = fixed.lastIndex(of: "/").map { path[...$0] } ?? ""
    let name = String(path.dropFirst(folder.count))
    root = String(folder)
    names = isPattern ? try BracePattern.expand(name) : [name]
  }

  /// The samples of each archive. Archives are indexed side by side, which hides the time that disks and networks take.
  ///
  /// - Throws: what is wrong with the first archive that is not in order.
  func samples() throws(InputError) -> [[ShardSample]] {
    let results = Mutex<[Int: Result<[ShardSample], InputError>]>([:])
    // The body throws nothing: it keeps errors, to tell of the first archive's and not of the first one found.
    try? Parallel().forEach(names.count) { index, _ in
      let result = Result { () throws(InputError) in try ShardIndex.samples(of: joined(root, names[index])) }
      results.withLock { $0[index] = result }
    }
    let found = results.withLock { $0 }
    var samples: [[ShardSample]] = []
    for index in names.indices { samples.append(try found[index]!.get()) }
    try requireLabelsOfAllOrNone(samples)
    return samples
  }

  private func requireLabelsOfAllOrNone(_ samples: [[ShardSample]]) throws(InputError) {
    guard samples.contains(where: { $0.contains { $0.label != nil } }) else { return }
    for (name, samples) in zip(names, samples) {
      guard let sample = samples.first(where: { $0.label == nil }) else { continue }
      throw InputError(
        joined(root, name), "holds \(sample.imageName) without a label, while other samples have one",
        remedy: "write -1 for none")
    }
  }

  private static func shards(
    inFolder path: String, _ split: String?
  ) throws(InputError) -> (root: String, names: [String]) {
    if let split, !split.isEmpty, FileIdentity(path + "/" + split) != nil {
      return try (path + "/" + split, shards(inFolder: path + "/" + split, nil).names)
    }
    let names = try FolderListing(path).shards()
    guard !names.isEmpty else { throw InputError(path, "holds no tar archives") }
    let splits = Set(names.flatMap(words)).intersection(SplitNames.usual)
    guard let split else {
      guard splits.count < 2 else {
        throw InputError(
          path, "holds archives of several splits (\(splits.sorted().joined(separator: ", ")))",
          remedy: "choose one of them with --split")
      }
      return (path, names)
    }
    let chosen = names.filter { words($0).contains(split) }
    guard !chosen.isEmpty else {
      throw InputError(
        path, "holds no folder named \"\(split)\", and no archive with this word in its name",
        remedy: "it holds \(names.prefix(3).joined(separator: ", "))\(names.count > 3 ? ", ..." : "")")
    }
    return (path, chosen)
  }

  /// As `imagenet1k-train-0001.tar` has "imagenet1k", "train", "0001" and "tar".
  private static func words(_ name: String) -> [String] {
    name.split { !$0.isLetter && !$0.isNumber }.map(String.init)
  }
}
