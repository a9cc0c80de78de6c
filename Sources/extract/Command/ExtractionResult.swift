import Files
import Reporting
import TokenStore

/// What an extraction came to, for stdout.
struct ExtractionResult: Encodable {
  let cache: String
  let images: Int
  /// Of each image.
  let views: Int
  /// Views, of all images.
  let undecodable: Int
  let bytes: Int
  /// Views that this run encoded.
  let encoded: Int
  let seconds: Double

  init(_ manifest: CacheManifest, _ monitor: ExtractionMonitor, _ path: String) {
    cache = path
    images = manifest.configuration.dataset.imageCount
    views = manifest.configuration.augmentation.views
    undecodable = manifest.undecodableRowCount
    bytes = manifest.shards.reduce(0) { $0 + $1.byteCount }
    encoded = monitor.writtenCount
    seconds = monitor.seconds
  }

  func text(json: Bool) throws -> String {
    if json { return try CanonicalJSON.page(self) }
    let unit = views > 1 ? "views" : "images"
    var lines = ["\(cache): \(images) images\(views > 1 ? " x \(views) views" : ""), \(ByteText.text(bytes))"]
    if encoded > 0 {
      let rate = NumberText.rounded(Double(encoded) / seconds)
      lines.append(
        "\(encoded)\(views > 1 ? " views" : "") encoded in \(NumberText.duration(seconds: seconds)), \(rate) \(unit)/s"
      )
    } else {
      lines.append("complete already: nothing was left to encode")
    }
    if undecodable > 0 {
      lines.append(
        "\(undecodable)\(views > 1 ? " views" : "") could not be decoded (row_state 2); see the lines above, or extract inspect"
      )
    }
    return lines.joined(separator: "\n")
  }
}

/// Sizes as people read them.
enum ByteText {
  static func text(_ count: Int) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"]
    var value = Double(count)
    var unit = 0
    while value >= 999.5, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(count) bytes" : "\(NumberText.rounded(value)) \(units[unit])"
  }
}
