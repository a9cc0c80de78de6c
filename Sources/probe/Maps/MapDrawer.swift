import Compute
import Evaluation
import Files
import Heads
import Images
import Overlays
import Reading
import Training

/// Draws what there is to see of an image, and writes it.
struct MapDrawer: Sendable {
  let tokens: LabelledTokens
  let caches: CacheSet
  let originals: OriginalImages
  let preprocessing: Preprocessing
  let folder: MapFolder
  let options: MapOptions
  /// What a row of a head's weights is of: "query" or "head".
  let unit: String

  private var grid: PatchGrid {
    let model = caches.caches[0].configuration.model
    return PatchGrid(
      height: model.gridHeight, width: model.gridWidth, patchHeight: model.patchHeight,
      patchWidth: model.patchWidth)
  }

  /// A map before it is drawn.
  private struct Map {
    let role: MapPicture.Role
    let title: String
    /// Part of the file's name.
    let name: String
    /// [P]
    let patches: [Float]
    let prefixTokens: Float
    var ownToken: Float?
  }

  /// - Parameter row: of the image, in the caches.
  func card(_ look: ImageLook, row: Int, labels: [Int32]) throws(InputError) -> MapCard {
    let original = try originals.image(row: row)
    let canvas: MapCanvas
    if let original {
      let size = PixelSize(height: original.height, width: original.width)
      canvas = MapCanvas(
        original, preprocessing.placement(of: size), grid, longerSide: options.pictureSide,
        options.interpolation)
    } else {
      canvas = MapCanvas(grid, longerSide: options.pictureSide, options.interpolation)
    }
    var pictures: [MapPicture] = []
    func write(
      _ picture: RGBImage, _ role: MapPicture.Role, _ title: String, _ name: String
    ) throws(InputError) -> MapPicture {
      let file = folder.imageFile(row: row, name)
      try AtomicFile.write(PNG.encode(picture), to: folder.path + "/" + file)
      return MapPicture(role: role, title: title, file: file, height: picture.height, width: picture.width)
    }
    if let image = canvas.image { pictures.append(try write(image, .image, "image", "image")) }
    for map in encoderMap(row: row) + headMaps(look.weights) {
      let numbers = numbers(map)
      let drawn = canvas.picture(of: map.patches, largest: numbers.largest)
      var picture = try write(drawn, map.role, map.title, map.name)
      picture.numbers = numbers
      pictures.append(picture)
    }
    return MapCard(
      row: row, id: caches.id(row: row), labels: labels.map { tokens.classNames[Int($0)] },
      prediction: tokens.classNames[look.outcome.best], confidence: look.outcome.confidence,
      loss: look.outcome.loss, isRight: look.outcome.isRight, pictures: pictures)
  }

  /// The mean over heads of the attention from [cls] in the last block; nothing where there is no [cls].
  private func encoderMap(row: Int) -> [Map] {
    let place = caches.place(row: row)
    guard let bytes = place.cache.classAttention(row: place.row) else { return [] }
    let count = bytes.count / ElementType.float16.byteCount
    let values = SharedBuffer<Float>(count: count)
    ElementType.float16.decode(bytes.baseAddress!, into: values.pointer, count: count)
    let headCount = count / grid.patchCount
    let mean = (0..<grid.patchCount).map { patch in
      (0..<headCount).reduce(Float(0)) { $0 + values[$1 * grid.patchCount + patch] } / Float(headCount)
    }
    // What does not go to patches goes to [cls] and registers.
    return [
      Map(
        role: .encoder, title: "encoder's [cls]", name: "encoder", patches: mean,
        prefixTokens: max(0, 1 - mean.reduce(0, +)))
    ]
  }

  private func headMaps(_ weights: TokenWeights?) -> [Map] {
    guard let weights else { return [] }
    let (prefix, rowCount) = (caches.layout.prefixTokenCount, weights.rows.count)
    func map(_ role: MapPicture.Role, _ title: String, _ name: String, _ row: [Float], _ own: Float?) -> Map {
      Map(
        role: role, title: title, name: name, patches: Array(row[prefix...]),
        prefixTokens: row[..<prefix].reduce(0, +), ownToken: own)
    }
    let ownMean = weights.ownToken.map { $0.reduce(0, +) / Float(rowCount) }
    guard rowCount > 1 else { return [map(.head, "head", "head", weights.rows[0], ownMean)] }
    let plural = unit == "query" ? "queries" : "heads"
    let width = String(rowCount).utf8.count
    return [map(.head, "mean of \(rowCount) \(plural)", "mean", weights.mean, ownMean)]
      + weights.rows.enumerated().map { index, row in
        map(
          .row, "\(unit) \(index + 1)", unit + "-" + (index + 1).digits(width: width), row,
          weights.ownToken?[index])
      }
  }

  private func numbers(_ map: Map) -> MapPicture.Numbers {
    let peak = map.patches.indices.max { map.patches[$0] < map.patches[$1] }!
    return MapPicture.Numbers(
      smallest: map.patches.min()!, largest: map.patches[peak], peakRow: peak / grid.width,
      peakColumn: peak % grid.width, prefixTokens: map.prefixTokens, ownToken: map.ownToken)
  }
}
