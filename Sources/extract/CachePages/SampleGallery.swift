import Compute
import Files
import Images
import Reporting
import TokenStore

/// Some images of a cache, each with where the encoder's last block looks and how long its tokens are.
struct SampleGallery {
  let gallery: Gallery
  /// The ids of samples that the data set does not have, and why images that it has cannot be shown.
  let missing: [String]
  let failures: [String]

  /// More than these would be too small to see.
  private static let mostHeads = 16
  private static let jpegQuality = 88

  /// - Parameters:
  ///   - images: nil for attention alone.
  ///   - onSamples: told how many are made of how many, before the first one, too. What it throws ends the work.
  init(
    _ cache: TokenCache, count: Int, images: InputImages?,
    onSamples: (_ done: Int, _ total: Int) throws -> Void
  ) throws {
    var (cards, missing, failures) = ([Gallery.Card](), [String](), [String]())
    let rows = Self.rows(cache, count: count)
    for row in rows {
      try onSamples(cards.count, rows.count)
      let identity = cache.identity(row: row)
      var tiles: [Gallery.Tile] = []
      if let images {
        do throws(InputError) {
          if let image = try images.image(identity) {
            tiles.append(try Self.tile(image, identity))
          } else {
            missing.append(identity.id)
          }
        } catch {
          failures.append(error.description)
        }
      }
      let attention = Self.attention(cache, row)
      tiles.append(attention[0])
      if cache.hasTokens { tiles.append(Self.norms(cache, row)) }
      tiles += attention.dropFirst()
      cards.append(
        Gallery.Card(
          title: identity.id, text: StyledText(Self.note(identity, cache.configuration)), tiles: tiles))
    }
    try onSamples(rows.count, rows.count)
    gallery = Gallery(.compact, cards)
    self.missing = missing
    self.failures = failures
  }

  /// Good rows, evenly from the classes; of several views the first.
  private static func rows(_ cache: TokenCache, count: Int) -> [Int] {
    let views = cache.configuration.augmentation.views
    let rows = stride(from: 0, to: cache.rowCount, by: views).filter { cache.rowStates[$0] == .good }
    return StratifiedSample.places(ofLabels: rows.map { cache.labels[$0] }, count: count, seed: 0)
      .map { rows[$0] }
  }

  private static func note(_ row: RowIdentity, _ configuration: CacheConfiguration) -> String {
    let names = configuration.dataset.classNames
    let name = names.indices.contains(Int(row.label)) ? names[Int(row.label)] : "no label"
    return configuration.augmentation.views > 1 ? "\(name), view \(row.viewIndex)" : name
  }

  private static func tile(_ image: RGBImage, _ row: RowIdentity) throws(InputError) -> Gallery.Tile {
    let bytes = try JPEG.encode(
      image.pixels, width: image.width, height: image.height, quality: jpegQuality)
    return Gallery.Tile(
      .embedded(EmbeddedImage(.jpeg, bytes: bytes)), caption: "image",
      alternativeText: "The image \(row.id) as the encoder saw it")
  }

  private static func attention(_ cache: TokenCache, _ row: Int) -> [Gallery.Tile] {
    let model = cache.configuration.model
    guard let bytes = cache.classAttention(row: row) else {
      let maps = floats(cache.centerAttention(row: row), count: RowLayout.centerCount * model.patchCount)
      return (0..<RowLayout.centerCount).map { center in
        map(
          Array(maps[center * model.patchCount..<(center + 1) * model.patchCount]), model,
          "from \(center + 1) x \(center + 1)",
          "Attention from the central \(center + 1) x \(center + 1) patches, mean over heads")
      }
    }
    let heads = floats(bytes, count: model.headCount * model.patchCount)
    let mean = (0..<model.patchCount).map { patch in
      (0..<model.headCount).reduce(Float(0)) { $0 + heads[$1 * model.patchCount + patch] }
        / Float(model.headCount)
    }
    return [map(mean, model, "[cls], mean", "Attention from [cls], mean over heads")]
      + (0..<min(model.headCount, mostHeads)).map { head in
        map(
          Array(heads[head * model.patchCount..<(head + 1) * model.patchCount]), model, "head \(head)",
          "Attention from [cls] of head \(head)", isDetail: true)
      }
  }

  private static func norms(_ cache: TokenCache, _ row: Int) -> Gallery.Tile {
    let model = cache.configuration.model
    let norms = Array(TokenNormSurvey.norms(cache, row: row).dropFirst(model.prefixTokenCount))
    return map(norms, model, "norms", "Norms of the patches of the last stored block")
  }

  private static func map(
    _ values: [Float], _ model: CacheConfiguration.Model, _ caption: String, _ words: String,
    isDetail: Bool = false
  ) -> Gallery.Tile {
    let finite = values.filter(\.isFinite)
    let range =
      finite.isEmpty
      ? ""
      : ": \(NumberText.significant(Double(finite.min()!))) to \(NumberText.significant(Double(finite.max()!)))"
    return Gallery.Tile(
      .values(ValueTile(values, columns: model.gridWidth)), caption: caption, alternativeText: words + range,
      isDetail: isDetail)
  }

  private static func floats(_ bytes: UnsafeRawBufferPointer, count: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      ElementType.float16.decode(bytes.baseAddress!, into: buffer.baseAddress!, count: count)
      initializedCount = count
    }
  }
}
