import Compute
import Files
import Synchronization

/// What is wrong with a cache.
public struct CacheVerification: Sendable {
  /// Something wrong with a file.
  public struct Problem: Equatable, Sendable, CustomStringConvertible {
    /// The file's name in the cache's folder.
    public let file: String
    public let reason: String
    public var description: String { "\(file): \(reason)" }
  }

  /// A row whose bytes are not those that were written.
  public struct BadRow: Equatable, Sendable, CustomStringConvertible {
    /// Counted over the whole cache.
    public let row: Int
    /// The image's path, as it is stored, which may be what is damaged.
    public let id: String
    /// The shard's file name.
    public let shard: String
    public var description: String { "\(shard): row \(row) (\(id)) is damaged" }
  }

  public internal(set) var problems: [Problem] = []
  public internal(set) var badRows: [BadRow] = []
  /// The rows that were checked.
  public internal(set) var checkedRowCount = 0
  /// The rows, among the checked ones, whose image could not be decoded.
  public internal(set) var undecodableRowCount = 0
  /// The bytes of shards that were read.
  public internal(set) var byteCount = 0

  public var isGood: Bool { problems.isEmpty && badRows.isEmpty }
}

/// Reads every byte of a cache and compares it with what the cache says of itself.
public struct CacheVerifier {
  private let folder: String
  private let parallel: Parallel
  private let checked: RowCount
  private var report = CacheVerification()

  /// - Parameter onRows: told how many of all rows have been checked, first of none and then every few rows, from any thread
  ///   but never twice at once; the total is nil without a manifest. What it throws ends the work.
  /// - Returns: everything that is wrong; ``CacheVerification/isGood`` exactly where each file is as it was written.
  ///   The data card is for people and may be edited: it is not checked.
  /// - Throws: only where there is no folder to look at.
  public static func verify(
    _ folder: String, parallel: Parallel = Parallel(),
    onRows: @escaping @Sendable (_ rows: Int, _ total: Int?) throws -> Void = { _, _ in }
  ) throws -> CacheVerification {
    guard Folder.contains(folder) else { throw InputError(folder, "does not exist") }
    var verifier = CacheVerifier(folder: folder, parallel: parallel, checked: RowCount(onRows))
    try verifier.run()
    return verifier.report
  }

  private init(folder: String, parallel: Parallel, checked: RowCount) {
    self.folder = folder
    self.parallel = parallel
    self.checked = checked
  }

  private mutating func run() throws {
    let manifest: CacheManifest
    do throws(InputError) {
      manifest = try CacheManifest.read(folder)
    } catch {
      note(CacheManifest.fileName, error)
      try checked.begin(total: nil)
      try checkShardsAlone()
      return
    }
    if manifest.state == .partial { note(CacheManifest.fileName, manifest.incompleteError(folder)) }
    guard let first = manifest.shards.first else { return }
    let layout = try manifest.layout(of: first, folder)
    try checked.begin(total: manifest.rowCount)
    var checker = ShardChecker(folder, manifest: manifest, layout: layout)
    for shard in manifest.shards {
      do throws(InputError) { try checker.check(shard) } catch { note(shard.name, error) }
      try checkRows(of: shard, layout)
      // Also the rows of a shard that cannot be read.
      try checked.reach(shard.rowStart + shard.rowCount)
    }
    if manifest.state == .complete { try checkWhole(manifest, layout) }
  }

  private mutating func note(_ file: String, _ error: InputError) {
    // Errors name the file by its path; the report is about one folder.
    let place =
      error.subject.hasPrefix(folder + "/") ? String(error.subject.dropFirst(folder.count + 1)) : file
    let detail = place.hasPrefix(file + ", ") ? String(place.dropFirst(file.count + 2)) + ": " : ""
    note(file, detail + error.reason)
  }

  private mutating func note(_ file: String, _ reason: String) {
    report.problems.append(CacheVerification.Problem(file: file, reason: reason))
  }
}

/// Counts checked rows on all threads.
private final class RowCount: Sendable {
  private let state = Mutex((done: 0, total: Int?.none))
  private let onRows: @Sendable (_ rows: Int, _ total: Int?) throws -> Void

  init(_ onRows: @escaping @Sendable (_ rows: Int, _ total: Int?) throws -> Void) { self.onRows = onRows }

  func begin(total: Int?) throws { try tell { $0 = (0, total) } }
  func reach(_ count: Int) throws { try tell { $0.done = count } }
  @Sendable func add(_ count: Int) throws { try tell { $0.done += count } }

  /// Under the lock, so that the counts come in their order.
  private func tell(_ change: (inout (done: Int, total: Int?)) -> Void) throws {
    try state.withLock { state in
      change(&state)
      try onRows(state.done, state.total)
    }
  }
}

// MARK: - Rows

extension CacheVerifier {
  /// Checks a shard's digest and all of its rows, at the places that the manifest gives.
  private mutating func checkRows(of shard: CacheManifest.Shard, _ layout: RowLayout) throws {
    let path = folder + "/" + shard.name
    guard Folder.contains(path) else { return }
    let mapped: MappedShard
    do throws(InputError) {
      mapped = try MappedShard(
        path, layout: layout, rowCount: shard.rowCount, placements: shard.datasets)
    } catch {
      note(
        shard.name,
        "\(error.reason); its rows \(shard.rowStart) to \(shard.rowStart + shard.rowCount - 1) are lost")
      return
    }
    // One thread hashes the file while the others check its rows.
    let digest = ChunkResults<String>()
    let damaged = try mapped.damagedRows(
      parallel, beside: { digest.set(try SHA256.hexadecimal(ofFile: path), 0) }, onChecked: checked.add)
    report(mapped, damaged, shard: shard.name, rowStart: shard.rowStart)
    if let row = mapped.firstRowWithoutScale() {
      note(
        shard.name, "the scale of a token in row \(shard.rowStart + row) is not a finite number of at least 0"
      )
    }
    if let row = mapped.firstRowOutsideOf8Bits() {
      note(shard.name, "a token in row \(shard.rowStart + row) is -128, outside -127 to 127")
    }
    if digest.inOrder() != [shard.sha256] {
      note(shard.name, "its SHA-256 is not the one in \(CacheManifest.fileName)")
    }
    if mapped.undecodableRowCount != shard.undecodableRowCount {
      note(
        shard.name,
        "has \(mapped.undecodableRowCount) undecodable rows instead of \(shard.undecodableRowCount)")
    }
  }

  private mutating func report(_ mapped: MappedShard, _ damaged: [Int], shard: String, rowStart: Int) {
    report.checkedRowCount += mapped.rowCount
    report.undecodableRowCount += mapped.undecodableRowCount
    report.byteCount += mapped.byteCount
    report.badRows += damaged.map { row in
      CacheVerification.BadRow(row: rowStart + row, id: mapped.id(row: row), shard: shard)
    }
  }

  /// Without a manifest, each shard still tells which of its rows are bad.
  private mutating func checkShardsAlone() throws {
    for name in try Folder.fileNames(folder) where name.hasPrefix("shard-") && name.hasSuffix(".h5") {
      do {
        try checkShardAlone(name)
      } catch let error as InputError {
        note(name, error)
      }
    }
  }

  private mutating func checkShardAlone(_ name: String) throws {
    let path = folder + "/" + name
    let skeleton = try HDF5.readSkeleton(of: path)
    let configuration = try CanonicalJSON.decode(
      CacheConfiguration.self, from: skeleton.attributes.configurationJSON.utf8,
      subject: "\(path), config_json")
    try configuration.validate("\(path), config_json")
    guard let ids = skeleton.placements[RowLayout.ids], case .text(let idByteCount) = ids.type else {
      throw InputError(path, "lacks the dataset \(RowLayout.ids)")
    }
    let layout = RowLayout(configuration: configuration, idByteCount: idByteCount)
    let rowCount = ids.shape[0]
    try layout.requireFits(
      skeleton.placements, rowCount: rowCount, fileByteCount: skeleton.byteCount, path)
    try layout.requireScales(of: skeleton, path)
    let mapped = try MappedShard(path, layout: layout, rowCount: rowCount, placements: skeleton.placements)
    report(
      mapped, try mapped.damagedRows(parallel, onChecked: checked.add), shard: name,
      rowStart: skeleton.attributes.rowStart)
  }
}

// MARK: - The whole

extension CacheVerifier {
  /// Checks what only all shards together tell: the listing of rows and the averaged statistics.
  private mutating func checkWhole(_ manifest: CacheManifest, _ layout: RowLayout) throws {
    guard let shards = try? ShardSet(folder, manifest: manifest, layout: layout) else { return }
    let listing = (0..<shards.rowCount).lazy.map { shards.identity(row: $0) }
    if RowIdentity.listingSHA256(of: listing) != manifest.configuration.dataset.listingSHA256 {
      note(
        CacheManifest.fileName, "the rows of the shards are not the ones that dataset.listing_sha256 is of")
    }
    let name = AttentionStatisticsSummary.fileName
    do {
      if try SHA256.hexadecimal(ofFile: folder + "/" + name) != manifest.attentionStatisticsSHA256 {
        note(name, "its SHA-256 is not the one in \(CacheManifest.fileName)")
      }
      let expected = try AttentionStatisticsSummary(
        shards, model: manifest.configuration.model, parallel: parallel)
      if try AttentionStatisticsSummary.read(folder) != expected {
        note(name, "is not the average of the rows")
      }
    } catch let error as InputError {
      note(name, error)
    }
  }
}
