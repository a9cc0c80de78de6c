import Compute
import Evaluation
import Files
import Heads
import Images
import Overlays
import Reading
import Reporting
import Training

/// How maps are drawn, and of which images.
public struct MapOptions: Sendable {
  /// What is shown; empty for the usual.
  public var terms: [ImageTerm] = []
  /// Of pictures, the longer one, in pixels.
  public var pictureSide = 224
  public var interpolation = MapInterpolation.bilinear
  /// Where the caches' images are: one path for all caches, or one for each; none to draw maps alone.
  public var imagePaths: [String] = []
  public var imageFormat: DatasetFormat?
  /// The folder that a list's paths start from.
  public var imageRoot: String?

  public static let pictureSides = 32...2048

  public init() {}
}

/// A folder of pictures of where a trained head looks, with a page that shows them.
public struct MapGallery {
  private let trained: TrainedHead
  private let tokens: LabelledTokens
  private let companions: CompanionCaches
  private let options: MapOptions
  private let parallel: Parallel
  private let programVersion: String

  /// - Parameter tokens: as ``TrainedHead/data(paths:labelFile:reading:)`` gives them.
  public init(
    _ trained: TrainedHead, _ tokens: LabelledTokens, _ companions: CompanionCaches, _ options: MapOptions,
    programVersion: String, _ parallel: Parallel
  ) {
    self.trained = trained
    self.tokens = tokens
    self.companions = companions
    self.options = options
    self.programVersion = programVersion
    self.parallel = parallel
  }

  /// What was written.
  public struct Result: Codable, Equatable, Sendable {
    public var images: Int
    /// Images that were not found, of which there are maps alone.
    public var imagesMissing: Int
    public var maps: Int
    /// Whether the head's features are made of weighted tokens.
    public var headHasMaps: Bool
    /// Whether contact sheets say what is on them, which needs ``Reporting/Picture/library``.
    public var sheetsHaveText: Bool
    public var page: String

    enum CodingKeys: String, CodingKey {
      case images, maps, page
      case imagesMissing = "images_missing"
      case headHasMaps = "head_has_maps"
      case sheetsHaveText = "sheets_have_text"
    }
  }

  /// What happens meanwhile, for those who wait.
  public struct Observer {
    public var shouldStop: @Sendable () -> Bool
    /// Told on how many of all images the head has been measured, before the first one, too.
    public var onMeasured: (_ images: Int, _ total: Int) -> Void
    /// Told how many are to be drawn, and then of each one.
    public var onChosen: (_ images: Int) -> Void
    public var onDrawn: @Sendable () -> Void

    public init(
      shouldStop: @escaping @Sendable () -> Bool, onMeasured: @escaping (Int, Int) -> Void,
      onChosen: @escaping (Int) -> Void, onDrawn: @escaping @Sendable () -> Void
    ) {
      self.shouldStop = shouldStop
      self.onMeasured = onMeasured
      self.onChosen = onChosen
      self.onDrawn = onDrawn
    }
  }

  /// Chooses images, draws them and writes the page; pictures first, the page last.
  ///
  /// - Parameter scratchFolder: on a disk with room for features that are computed once.
  /// - Throws: `CancellationError` where the observer said so.
  public func write(
    to path: String, overwriting: Bool, scratchFolder: String, _ observer: Observer
  ) throws -> Result {
    guard let caches = tokens.caches else { preconditionFailure("features in memory have no images") }
    let head = trained.summary.configuration.head
    guard head.features.weighTokens || caches.layout.hasClassToken else {
      throw InputError(
        "the head",
        "takes \(head.name), in which no token weighs more than another, and the encoder has no [cls] whose attention "
          + "could be shown", remedy: "draw maps of an attentive head such as abmilp")
    }
    let terms =
      options.terms.isEmpty ? ImageTerm.usual(classCount: tokens.classNames.count) : options.terms
    let outcomes = terms.contains(where: \.needsOutcomes) ? try outcomes(scratchFolder, observer) : []
    let sections = try ImageChoice(tokens: tokens, outcomes: outcomes).sections(terms)
    let images = Set(sections.flatMap(\.images)).sorted()
    guard !images.isEmpty else {
      throw InputError("--images", "stands for no image: there are no mistakes, or no images of that class")
    }
    let rows = images.map { tokens.rows[$0] }
    let originals = try OriginalImages(
      OriginalImages.Location(
        paths: options.imagePaths, format: options.imageFormat, imageRoot: options.imageRoot),
      caches, rows: rows, parallel)
    let preprocessing = try Preprocessing(caches.encoder.preprocessing, cache: caches.name)
    let folder = MapFolder(path: path)
    let lock = try folder.prepare(overwriting: overwriting)
    defer { withExtendedLifetime(lock) {} }
    observer.onChosen(images.count)
    let drawer = MapDrawer(
      tokens: tokens, caches: caches, originals: originals, preprocessing: preprocessing, folder: folder,
      options: options, unit: head.weightUnit)
    let (cards, sample) = try draw(images, drawer, scratchFolder: scratchFolder, observer)
    try writeRecords(cards.sorted { $0.key < $1.key }.map(\.value), to: folder)
    let sheets = MapSheets(folder: folder, headName: head.name, hasText: Picture.canBecomePNG)
    let sheetFiles = try sections.map { section in
      if observer.shouldStop() { throw CancellationError() }
      return try sheets.write(section, cards)
    }
    let page = MapPage(
      summary: trained.summary, caches: caches, companions: companions, options: options, sample: sample,
      missingCount: options.imagePaths.isEmpty ? nil : images.count - originals.count,
      programVersion: programVersion)
    try page.report(zip(sections, sheetFiles), cards).write(to: folder.pageFile)
    return Result(
      images: images.count, imagesMissing: images.count - originals.count,
      maps: cards.values.reduce(0) { $0 + $1.pictures.count { $0.numbers != nil } },
      headHasMaps: sample != nil, sheetsHaveText: sheets.hasText, page: folder.pageFile)
  }

  private func outcomes(_ scratchFolder: String, _ observer: Observer) throws -> [ImageOutcome] {
    observer.onMeasured(0, tokens.count)
    return try trained.outcomes(
      on: tokens, companions, folder: scratchFolder, shouldStop: observer.shouldStop
    ) { observer.onMeasured($0, tokens.count) }
  }

  /// - Returns: each image's card, and the head's weights in one of them.
  private func draw(
    _ images: [Int], _ drawer: MapDrawer, scratchFolder: String, _ observer: Observer
  ) throws -> (cards: [Int: MapCard], sample: TokenWeights?) {
    let chosen = tokens.keeping(images: images)
    var cards: [Int: MapCard] = [:]
    var sample: TokenWeights?
    let (shouldStop, onDrawn) = (observer.shouldStop, observer.onDrawn)
    try trained.look(at: chosen, companions, folder: scratchFolder, shouldStop: shouldStop) { looks in
      let drawn = try parallel.map(looks.count) { index in
        if shouldStop() { throw CancellationError() }
        let look = looks[index]
        let card = try drawer.card(
          look, row: chosen.rows[look.place], labels: chosen.targets.labels(of: look.place))
        onDrawn()
        return card
      }
      for (look, card) in zip(looks, drawn) { cards[images[look.place]] = card }
      sample = looks[0].weights
    }
    return (cards, sample)
  }

  private func writeRecords(_ cards: [MapCard], to folder: MapFolder) throws(InputError) {
    let file = try AtomicFileWriter(folder.recordFile)
    for card in cards { try file.append(try CanonicalJSON.text(card) + "\n") }
    try file.commit()
  }
}

extension Targets {
  /// The classes of one image.
  fileprivate func labels(of image: Int) -> [Int32] {
    switch self {
    case .single(let labels): [labels[image]]
    case .several(let sets): Array(sets[image])
    }
  }
}
