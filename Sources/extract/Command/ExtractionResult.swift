import Extraction
import Files
import Reporting
import TokenStore

/// What an extraction came to, for stdout. Counts are of this process's share, which is the whole cache where it works
/// alone.
struct ExtractionResult: Encodable {
  let cache: String
  /// Whether all shares are there.
  let complete: Bool
  /// The shards of the cache that are still missing, all of them of other shares.
  let missingShards: Int
  let rank: Int
  let worldSize: Int
  let shards: Int
  /// Of the whole data set.
  let images: Int
  /// Of each image.
  let views: Int
  /// Views of images.
  let rows: Int
  let undecodable: Int
  let bytes: Int
  /// Views that this run encoded.
  let encoded: Int
  let seconds: Double
  private let plannedShards: Int

  enum CodingKeys: String, CodingKey {
    case cache, complete, rank, shards, images, views, rows, undecodable, bytes, encoded, seconds
    case missingShards = "missing_shards"
    case worldSize = "world_size"
  }

  init(_ extraction: Extraction, _ monitor: ExtractionMonitor, _ path: String, missingShards: Int) {
    let finished = extraction.finishedShards
    cache = path
    complete = missingShards == 0
    self.missingShards = missingShards
    (rank, worldSize) = (extraction.share.rank, extraction.share.worldSize)
    shards = finished.count
    images = extraction.plan.configuration.dataset.imageCount
    views = extraction.plan.configuration.augmentation.views
    rows = finished.reduce(0) { $0 + $1.rowCount }
    undecodable = finished.reduce(0) { $0 + $1.undecodableRowCount }
    bytes = finished.reduce(0) { $0 + $1.byteCount }
    encoded = extraction.encodedCount
    seconds = monitor.seconds
    plannedShards = extraction.shardCount
  }

  func text(json: Bool) throws -> String {
    if json { return try CanonicalJSON.page(self) }
    let unit = views > 1 ? "views" : "images"
    let part = worldSize > 1 ? "rank \(rank) of \(worldSize), \(shards) of \(plannedShards) shards, " : ""
    let whole = views > 1 ? " of \(images) images" : ""
    var lines = ["\(cache): \(part)\(rows) \(unit)\(whole), \(NumberText.bytes(bytes))"]
    if encoded > 0 {
      let rate = NumberText.rounded(Double(encoded) / seconds)
      lines.append(
        "\(encoded)\(views > 1 ? " views" : "") encoded in \(NumberText.duration(seconds: seconds)), \(rate) \(unit)/s"
      )
    } else {
      lines.append("\(complete ? "complete already: " : "")nothing was left to encode")
    }
    if undecodable > 0 {
      lines.append(
        "\(undecodable)\(views > 1 ? " views" : "") could not be decoded (row_state 2); see the lines above, or extract inspect"
      )
    }
    if !complete {
      lines.append(
        "\(missingShards) of \(plannedShards) shards are still with other ranks; "
          + "the one that finishes last completes the cache")
    } else if worldSize > 1 {
      lines.append("the cache is complete")
    }
    return lines.joined(separator: "\n")
  }
}
