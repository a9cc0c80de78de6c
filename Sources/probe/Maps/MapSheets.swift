import Files
import Images
import Overlays
import Reporting

/// Writes contact sheets: the pictures of a section's images side by side, for those who would rather have one file.
struct MapSheets {
  let folder: MapFolder
  let headName: String
  let hasText: Bool

  private static let cellSide = 112

  /// - Parameter cards: by image.
  /// - Returns: paths below the folder.
  func write(_ section: MapSection, _ cards: [Int: MapCard]) throws(InputError) -> [String] {
    let all = section.images.map { cards[$0]! }
    let columns = columns(all)
    guard !columns.isEmpty else { return [] }
    let capacity = ContactSheet.capacity(columnCount: columns.count, cell: Self.cellSide)
    let starts = Array(stride(from: 0, to: all.count, by: capacity))
    var files: [String] = []
    for (part, start) in starts.enumerated() {
      let isOnly = starts.count == 1
      let number = isOnly ? "" : " (\(part + 1) of \(starts.count))"
      let sheet = try sheet(
        Array(all[start..<min(all.count, start + capacity)]), columns,
        title: "\(section.title): \(headName)\(number)", explanation: section.explanation)
      let file = folder.sheetFile(section.name, part: isOnly ? nil : part + 1)
      try AtomicFile.write(PNG.encode(sheet.image()), to: folder.path + "/" + file)
      files.append(file)
    }
    return files
  }

  private func sheet(
    _ cards: [MapCard], _ columns: [String], title: String, explanation: String
  ) throws(InputError) -> ContactSheet {
    var sheet = ContactSheet(
      title: title, explanation: explanation, columns: columns, imageCount: cards.count, cell: Self.cellSide,
      hasText: hasText)
    for (image, card) in cards.enumerated() {
      for (column, title) in columns.enumerated() {
        guard let picture = card.pictures.first(where: { $0.title == title }) else { continue }
        sheet.place(
          try ImageDecoder.decode(folder.path + "/" + picture.file), image: image, column: column)
      }
      sheet.caption(card.id, card.summary, image: image)
    }
    return sheet
  }

  /// The titles of all pictures; without those of single queries where these are too many for a sheet.
  private func columns(_ cards: [MapCard]) -> [String] {
    let pictures = cards.map(\.pictures).max { $0.count < $1.count } ?? []
    let fits = pictures.count <= ContactSheet.mostColumns(cell: Self.cellSide)
    return pictures.filter { fits || $0.role != .row }.map(\.title)
  }
}

extension MapCard {
  /// What the head made of the image, in one line.
  fileprivate var summary: [ContactSheet.Run] {
    [
      .name(labelText), .words(", predicted "), .name(prediction),
      .words(" (\(verdict), \(NumberText.percentage(Double(confidence))))"),
    ]
  }
}
