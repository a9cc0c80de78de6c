import Compute
import Files

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
    let isPattern = !Folder.contains(path) && BracePattern.isPattern(path)
    root = folder(of: isPattern ? String(path.prefix { $0 != "{" }) : path)
    let name = String(path.utf8.dropFirst(root.utf8.count))!
    names = isPattern ? try Self.shards(like: name) : [name]
  }

  /// - Returns: different names, fit to be part of ids.
  private static func shards(like pattern: String) throws(InputError) -> [String] {
    var names: [String] = []
    var seen: Set<[UInt8]> = []
    for written in try BracePattern.expand(pattern) {
      if let fault = RelativePath.fault(of: written) {
        throw InputError(
          pattern, "stands for \"\(written)\", which \(fault)",
          remedy: "write the folder that all archives lie in before the first brace")
      }
      let name = RelativePath.canonical(written)
      guard seen.insert(Array(name.utf8)).inserted else { throw InputError(pattern, "names \(name) twice") }
      names.append(name)
    }
    return names
  }

  /// The samples of each archive. Archives are indexed side by side, which hides the time that disks and networks take.
  ///
  /// - Throws: what is wrong with the first archive that is not in order.
  func samples(_ parallel: Parallel) throws(InputError) -> [[ShardSample]] {
    let samples = try parallel.map(names.count) { (index) throws(InputError) in
      try ShardIndex.samples(of: joined(root, names[index]))
    }
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
        remedy: "it holds \(summary(names))")
    }
    return (path, chosen)
  }

  /// As `imagenet1k-train-0001.tar` has "imagenet1k", "train", "0001" and "tar".
  private static func words(_ name: String) -> [String] {
    name.split { !$0.isLetter && !$0.isNumber }.map(String.init)
  }
}
