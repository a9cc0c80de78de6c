import Compute
import Files

/// Tar archives in WebDataset's form (https://github.com/webdataset/webdataset): members that stand next to each other
/// and are named alike up to the first dot behind the folder are one sample, as `0017.jpg` and `0017.cls`. Of a sample
/// the image (`jpg`, `jpeg` or `png`) and the label are used: the number in `cls`, or else "label" in `json`.
///
/// Where no sample has a label and every image lies in a folder, these are class folders that were put into an archive:
/// the folder that holds an image is its class, and classes are numbered in the order of their names.
///
/// Archives are mapped, and images used where they lie in them.
struct WebDataset: ImageSource {
  let kind: String
  let split: String?
  let classNames: [String]
  let entries: [ImageDataset.Entry]
  /// In the order of the entries.
  private let images: [FileSlice]
  private let root: String

  /// - Parameters:
  ///   - path: an archive, a folder of archives, or archives written together such as `train-{000..146}.tar`.
  ///   - split: a folder of archives below the path, or else a word in the names of the archives to use.
  ///   - classNames: of the classes 0, 1, ...; nil to call each class by its number.
  ///   - parallel: the threads that archives are indexed on.
  /// - Throws: ``InputError`` where an archive is damaged, a sample has no image or several, or only some have labels.
  init(path: String, split: String?, classNames: [String]?, parallel: Parallel) throws(InputError) {
    let list = try ShardList(path: path, split: split)
    self.split = split
    root = list.root
    let shards = try list.samples(parallel)
    let samples = shards.flatMap { $0 }
    guard !samples.isEmpty else { throw InputError(path, "holds no samples with images") }
    let labels: ClassLabels
    if samples.allSatisfy({ $0.label == nil }), let folders = try Self.folders(of: samples, in: path) {
      kind = shards.count == 1 ? "class folders in an archive" : "class folders in \(shards.count) archives"
      labels = try ClassLabels(names: folders, given: classNames, subject: path)
    } else {
      kind = shards.count == 1 ? "a WebDataset shard" : "\(shards.count) WebDataset shards"
      labels = try ClassLabels(numbers: samples.map { Int($0.label ?? -1) }, given: classNames, subject: path)
    }
    self.classNames = labels.classNames
    images = samples.map(\.image)
    let ids = zip(list.names, shards).flatMap { name, samples in samples.map { name + "/" + $0.imageName } }
    entries = ids.indices.map { .init(id: ids[$0], label: labels.values[$0], place: $0) }
  }

  func content(of entry: ImageDataset.Entry) throws(InputError) -> ImageContent {
    .encoded(images[entry.place], subject: joined(root, entry.id))
  }

  func prefetch(_ entry: ImageDataset.Entry) { images[entry.place].prefetch() }

  /// The folder that holds each image; nil where one lies in none.
  ///
  /// - Throws: ``InputError`` where folders further up are named like several splits: their classes are not to be mixed.
  private static func folders(of samples: [ShardSample], in path: String) throws(InputError) -> [String]? {
    var folders: [String] = []
    var splits: Set<Substring> = []
    for sample in samples {
      let parts = RelativePath.components(of: sample.imageName).dropLast()
      guard let folder = parts.last else { return nil }
      folders.append(String(folder))
      splits.formUnion(parts.dropLast().filter { SplitNames.usual.contains(String($0)) })
    }
    guard splits.count < 2 else {
      throw InputError(
        path, "holds class folders of several splits (\(splits.sorted().joined(separator: ", ")))",
        remedy: "make an archive of each, or unpack it and choose one with --split")
    }
    return folders
  }
}
