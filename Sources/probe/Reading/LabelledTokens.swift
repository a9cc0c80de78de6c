import Compute
import Evaluation
import Files
import Heads
import TokenStore

/// The views in caches that a head can learn from or be measured on: of decodable images, with labels.
///
/// A view is a place in ``rows`` and ``targets``. The views of an image stand one after the other, in the order of the
/// caches' rows.
public struct LabelledTokens: Sendable {
  public let source: any TokenSource
  /// What `source` reads from; nil for features in memory.
  public let caches: CacheSet?
  /// Rows of the source, ascending.
  public let rows: [Int]
  /// The classes of each of `rows`.
  public let targets: Targets
  public let classNames: [String]
  /// Rows that are left out, as their image could not be decoded or has no label.
  public let skippedRowCount: Int
  /// Lines of the label file whose images are not in the caches; nil without such a file.
  public let foreignLabelCount: Int?
  /// Where each image's views begin, and their number behind that; nil where each view is an image.
  private let imageStarts: [UInt32]?

  /// All views of the images, to learn from.
  ///
  /// - Parameters:
  ///   - labels: what overrides the labels in the caches.
  ///   - classNames: of the head, where the caches' labels are not to tell. Caches may number them otherwise.
  /// - Throws: where no row has a label, or the caches' classes differ.
  public init(
    _ caches: CacheSet, labels: LabelFile? = nil, classNames: [String]? = nil
  ) throws(InputError) {
    try self.init(caches, RowLabels(caches, labels, classNames), firstViewsOnly: false)
  }

  /// One view of each image, the centre crop, to measure a head on.
  ///
  /// - Throws: as for learning, and where a cache holds random views only.
  public init(
    measuringOn caches: CacheSet, labels: LabelFile? = nil, classNames: [String]? = nil
  ) throws(InputError) {
    for cache in caches.caches where !cache.configuration.augmentation.isFirstViewPlain {
      throw InputError(
        cache.path,
        "holds random views only (augmentation \(cache.configuration.augmentation.name)), which no head is measured on",
        remedy: "extract it without augmentation, or with --center-view")
    }
    try self.init(caches, RowLabels(caches, labels, classNames), firstViewsOnly: true)
  }

  private init(_ caches: CacheSet, _ labels: RowLabels, firstViewsOnly: Bool) throws(InputError) {
    var rows: [Int] = []
    var starts: [UInt32] = []
    var skippedRowCount = 0
    for (index, cache) in caches.caches.enumerated() {
      let hasViews = cache.configuration.augmentation.views > 1
      var images: [UInt64] = []
      // Of the view before.
      var image: UInt64?
      for (row, joinedRow) in zip(0..., caches.rows(ofCache: index)) {
        let identity = hasViews ? cache.identity(row: row) : nil
        if firstViewsOnly, let identity, identity.viewIndex > 0 { continue }
        guard cache.rowStates[row] == .good, labels.hasLabel(row: joinedRow) else {
          skippedRowCount += 1
          continue
        }
        if identity == nil || identity?.sourceIndex != image {
          starts.append(UInt32(rows.count))
          image = identity?.sourceIndex
          if let image { images.append(image) }
        }
        rows.append(joinedRow)
      }
      // Else one view of an image could be learned from while another is measured on.
      images.sort()
      for (image, next) in zip(images, images.dropFirst()) where image == next {
        throw InputError(
          cache.path, "holds views of image \(image) apart from each other",
          remedy: "check the cache with: extract verify \(cache.path)")
      }
    }
    guard !rows.isEmpty else {
      throw InputError(
        caches.name, "none of its \(skippedRowCount) rows has a label",
        remedy: "extract from a folder with one folder a class, or give a --label-file")
    }
    self.init(
      source: caches, caches: caches, rows: rows, targets: labels.targets(rows: rows),
      classNames: labels.classNames, skippedRowCount: skippedRowCount,
      foreignLabelCount: labels.foreignLineCount,
      imageStarts: starts.count == rows.count ? nil : starts + [UInt32(rows.count)])
    if case .single(let labels) = targets {
      for image in 0..<imageCount {
        let views = views(ofImage: image)
        for view in views where labels[view] != labels[views.lowerBound] {
          throw InputError(
            caches.name, "views of \(caches.id(row: rows[view])) have different labels",
            remedy: "check the cache with: extract verify \(caches.name)")
        }
      }
    }
  }

  private init(
    source: any TokenSource, caches: CacheSet?, rows: [Int], targets: Targets, classNames: [String],
    skippedRowCount: Int, foreignLabelCount: Int?, imageStarts: [UInt32]?
  ) {
    precondition(rows.count == targets.count, "\(rows.count) rows have labels for \(targets.count)")
    self.source = source
    self.caches = caches
    self.rows = rows
    self.targets = targets
    self.classNames = classNames
    self.skippedRowCount = skippedRowCount
    self.foreignLabelCount = foreignLabelCount
    self.imageStarts = imageStarts
  }

  /// Views with one label each, every one an image of its own.
  package init(_ source: any TokenSource, rows: [Int], labels: [Int32]) {
    self.init(
      source: source, caches: nil, rows: rows, targets: .single(labels), classNames: [], skippedRowCount: 0,
      foreignLabelCount: nil, imageStarts: nil)
  }

  /// The number of views.
  public var count: Int { rows.count }

  /// The label of each of `rows`.
  ///
  /// - Precondition: images have one label each.
  public var labels: [Int32] {
    guard case .single(let labels) = targets else { preconditionFailure("images have several labels each") }
    return labels
  }

  /// - Throws: where images have several labels each.
  public func singleLabels() throws(InputError) -> [Int32] {
    guard case .single(let labels) = targets else {
      throw InputError("--label-file", "gives images several labels each, where this head tells one")
    }
    return labels
  }

  /// The number of images, each of which has one view or more.
  public var imageCount: Int { imageStarts.map { $0.count - 1 } ?? count }

  /// - Returns: the places of an image's views.
  public func views(ofImage image: Int) -> Range<Int> {
    guard let imageStarts else { return image..<image + 1 }
    return Int(imageStarts[image])..<Int(imageStarts[image + 1])
  }

  /// The same images' features, as a matrix of one row for each of `rows`.
  public func replacingTokens(by features: FeatureMatrix) -> LabelledTokens {
    LabelledTokens(
      source: features, caches: nil, rows: Array(0..<count), targets: targets, classNames: classNames,
      skippedRowCount: skippedRowCount, foreignLabelCount: foreignLabelCount, imageStarts: imageStarts)
  }
}

extension LabelledTokens {
  /// The same images' tokens of another encoder, in the order of these rows.
  ///
  /// - Throws: where the other caches do not hold each of the views exactly once.
  public func tokens(in other: CacheSet) throws(InputError) -> LabelledTokens {
    let matched = try MatchedRows(self, in: other)
    return LabelledTokens(
      source: other, caches: other, rows: rows.map(matched.row), targets: targets, classNames: classNames,
      skippedRowCount: skippedRowCount, foreignLabelCount: foreignLabelCount, imageStarts: imageStarts)
  }
}

// MARK: - Parts

extension LabelledTokens {
  /// A share of the images, drawn at random and even over classes; where images have several labels, over all of them.
  ///
  /// A smaller share with the same seed is part of a larger one.
  ///
  /// - Parameter fraction: of 0 to 1, at least one image.
  public func sampled(fraction: Double, seed: UInt64) -> LabelledTokens {
    precondition((0...1).contains(fraction), "\(fraction) is not a fraction of 0 to 1")
    let count = max(1, Int((fraction * Double(imageCount)).rounded()))
    return keeping(images: StratifiedSample.places(ofLabels: imageClasses, count: count, seed: seed))
  }

  /// As many images of each class, drawn at random; fewer shots with the same seed are part of more.
  ///
  /// - Throws: where a class has some images, but not as many, or images have several labels.
  public func sampled(shots: Int, seed: UInt64) throws(InputError) -> LabelledTokens {
    precondition(shots > 0, "\(shots) images of each class are none")
    let classes = imageClasses
    guard case .single = targets else {
      throw InputError("--shots", "cannot draw from classes where images have several labels each")
    }
    var sizes = [Int](repeating: 0, count: classes.reduce(0) { max($0, Int($1) + 1) })
    for label in classes { sizes[Int(label)] += 1 }
    if let poor = sizes.firstIndex(where: { (1..<shots).contains($0) }) {
      throw InputError(
        "--shots \(shots)", "the class \(className(poor)) has only \(sizes[poor]) images to learn from",
        remedy: "use fewer shots, or --fraction")
    }
    return keeping(images: StratifiedSample.places(ofLabels: classes, perClass: shots, seed: seed))
  }

  /// Divides the images, never the views of one, into those to learn from and those held out, to select by: of each
  /// class about the same share, but never its last image. Of an image that is held out the first view is kept.
  ///
  /// - Parameter fraction: of the images to hold out, between 0 and 1.
  /// - Throws: where one of the parts would be empty.
  public func holdOut(
    fraction: Double, seed: UInt64
  ) throws(InputError) -> (training: LabelledTokens, heldOut: LabelledTokens) {
    let held = StratifiedSample.heldOut(ofLabels: imageClasses, fraction: fraction, seed: seed)
    guard !held.isEmpty else {
      throw InputError(
        caches?.name ?? "features", "no class has two images, of which one could be held out to select by",
        remedy: "train on more images of each class, or use --hold-out 0")
    }
    var rest: [Int] = []
    var next = held.makeIterator()
    var heldImage = next.next()
    for image in 0..<imageCount {
      if image == heldImage { heldImage = next.next() } else { rest.append(image) }
    }
    return (keeping(images: rest), keeping(images: held, firstViewsOnly: true))
  }

  /// What images are divided by: their classes; all of them 0 where they have several labels.
  private var imageClasses: [Int32] {
    guard case .single(let labels) = targets else { return Array(repeating: 0, count: imageCount) }
    return (0..<imageCount).map { labels[views(ofImage: $0).lowerBound] }
  }

  func className(_ label: Int) -> String { label < classNames.count ? classNames[label] : "\(label)" }

  /// Some of the images.
  ///
  /// - Parameter images: ascending.
  package func keeping(images: [Int], firstViewsOnly: Bool = false) -> LabelledTokens {
    var places: [Int] = []
    var starts: [UInt32] = []
    for image in images {
      starts.append(UInt32(places.count))
      places += firstViewsOnly ? views(ofImage: image).prefix(1) : views(ofImage: image)
    }
    return LabelledTokens(
      source: source, caches: caches, rows: places.map { rows[$0] }, targets: targets.picking(places),
      classNames: classNames, skippedRowCount: skippedRowCount, foreignLabelCount: foreignLabelCount,
      imageStarts: starts.count == places.count ? nil : starts + [UInt32(places.count)])
  }
}

extension LabelledTokens {
  public init(_ cache: TokenCache) throws(InputError) { try self.init(CacheSet([cache])) }
  public init(measuringOn cache: TokenCache) throws(InputError) {
    try self.init(measuringOn: CacheSet([cache]))
  }
}
