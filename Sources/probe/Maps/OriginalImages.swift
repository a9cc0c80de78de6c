import Compute
import Files
import Images
import Reading
import TokenStore

/// The images that caches were made from, found by the ids of their rows.
struct OriginalImages: Sendable {
  private struct Place: Sendable {
    let dataset: Int
    let entry: ImageDataset.Entry
  }

  private let caches: CacheSet
  private var datasets: [ImageDataset] = []
  /// By row of the caches.
  private var places: [Int: Place] = [:]

  /// Where images are looked for.
  struct Location: Sendable {
    /// One for all caches, or one for each; none where there are no images.
    var paths: [String]
    var format: DatasetFormat?
    var imageRoot: String?
  }

  /// - Parameter rows: whose images are wanted.
  /// - Throws: where there is no such data set, or none of the images is in it.
  init(_ location: Location, _ caches: CacheSet, rows: [Int], _ parallel: Parallel) throws(InputError) {
    self.caches = caches
    guard !location.paths.isEmpty else { return }
    guard location.paths.count == 1 || location.paths.count == caches.caches.count else {
      throw InputError(
        "--data-path", "is given \(location.paths.count) times, for \(caches.caches.count) caches",
        remedy: "give one for all caches, or one for each in their order")
    }
    for (index, cache) in caches.caches.enumerated() {
      let path = location.paths[location.paths.count == 1 ? 0 : index]
      try add(cache, index, path, location, rows, parallel)
    }
    guard !places.isEmpty else {
      throw InputError(
        location.paths.joined(separator: ", "),
        "holds none of the images, which have ids such as \(caches.id(row: rows[0]))",
        remedy: "give the --data-path that extract was given, or leave it out to see maps alone")
    }
  }

  private mutating func add(
    _ cache: TokenCache, _ index: Int, _ path: String, _ location: Location, _ rows: [Int],
    _ parallel: Parallel
  ) throws(InputError) {
    var wanted: [String: Int] = [:]
    for row in rows where caches.place(row: row).cache === cache { wanted[caches.id(row: row)] = row }
    guard !wanted.isEmpty else { return }
    let dataset = try ImageDataset(
      path: path, format: location.format, split: cache.configuration.dataset.split,
      imageRoot: location.imageRoot, parallel: parallel)
    for entry in dataset.entries {
      if let row = wanted[entry.id] { places[row] = Place(dataset: datasets.count, entry: entry) }
    }
    datasets.append(dataset)
  }

  /// How many of the wanted images were found.
  var count: Int { places.count }

  /// - Returns: nil where the image is not in the data sets.
  /// - Throws: where it is, and cannot be decoded.
  func image(row: Int) throws(InputError) -> RGBImage? {
    guard let place = places[row] else { return nil }
    return try datasets[place.dataset].content(of: place.entry).decoded()
  }
}

extension Images.Preprocessing {
  /// As a cache has recorded it.
  ///
  /// - Throws: where a cache names a filter or a mode that there is none of.
  init(_ recorded: CacheConfiguration.Preprocessing, cache: String) throws(InputError) {
    guard let interpolation = Interpolation(rawValue: recorded.interpolation),
      let mode = recorded.cropMode.map(CropMode.init(rawValue:)) ?? .center
    else {
      throw InputError(cache, "was made from images that were resized in a way that is not known here")
    }
    try self.init(
      resize: PixelSize(height: recorded.resize, width: recorded.resizeWidth ?? recorded.resize),
      crop: PixelSize(height: recorded.crop, width: recorded.cropWidth ?? recorded.crop), cropMode: mode,
      interpolation: interpolation, mean: recorded.mean, standardDeviation: recorded.std)
  }
}
