import Heads
import Reporting

/// What a page says of an image and of each of its pictures.
struct MapTiles: Sendable {
  let layout: TokenLayout

  func card(_ card: MapCard) -> Gallery.Card {
    Gallery.Card(title: card.id, text: text(card), tiles: card.pictures.map { tile($0, of: card) })
  }

  private func text(_ card: MapCard) -> StyledText {
    let confidence = NumberText.percentage(Double(card.confidence))
    let loss = NumberText.fixed(Double(card.loss), 3)
    return StyledText([
      .strong(card.labelText), .plain(", predicted \(card.prediction) ("),
      card.isRight ? .faint(card.verdict) : .alert(card.verdict),
      .plain(", \(confidence)), loss \(loss), row \(card.row)"),
    ])
  }

  private func tile(_ picture: MapPicture, of card: MapCard) -> Gallery.Tile {
    Gallery.Tile(
      .file(PageFile(picture.file), height: picture.height, width: picture.width), caption: picture.title,
      notes: picture.numbers.map(notes) ?? [], alternativeText: alternative(picture, card),
      isDetail: picture.role == .row)
  }

  private func notes(_ numbers: MapPicture.Numbers) -> [String] {
    var notes = ["\(text(numbers.smallest)) to \(text(numbers.largest))"]
    if let prefixName, numbers.prefixTokens > 0 {
      notes.append("\(prefixName) \(share(numbers.prefixTokens))")
    }
    if let own = numbers.ownToken { notes.append("own token \(share(own))") }
    return notes
  }

  private func alternative(_ picture: MapPicture, _ card: MapCard) -> String {
    guard let numbers = picture.numbers else { return "The image \(card.id)" }
    return "Map of \(picture.title) over \(card.id): greatest, \(text(numbers.largest)), in row "
      + "\(numbers.peakRow + 1) and column \(numbers.peakColumn + 1) "
      + "of \(layout.gridHeight) x \(layout.gridWidth) patches"
  }

  private func text(_ value: Float) -> String { NumberText.significant(Double(value), 2) }

  private func share(_ value: Float) -> String {
    // The number and its unit stay on one line.
    NumberText.percentage(Double(value)).replacing(" ", with: "\u{A0}")
  }

  /// The tokens before the patches; nil where there are none.
  var prefixName: String? {
    let registers = layout.prefixTokenCount - (layout.hasClassToken ? 1 : 0)
    let names = (layout.hasClassToken ? ["[cls]"] : []) + (registers > 0 ? ["registers"] : [])
    return names.isEmpty ? nil : names.joined(separator: ", ")
  }
}
