import Images
import Overlays
import Reporting
import Testing

@Suite struct ContactSheetTests {
  private func sheet(hasText: Bool, images: Int = 3) -> ContactSheet {
    var sheet = ContactSheet(
      title: "Worst: <head>", explanation: "The greatest losses.",
      columns: ["image", "encoder's [cls]", "head", "a title that no cell has room for"],
      imageCount: images, cell: 112, hasText: hasText)
    sheet.place(gray(10, 20), image: 0, column: 0)
    sheet.place(gray(50, 50, 200), image: 2, column: 3)
    let path = (0..<80).map { "folder-\($0)/" }.joined() + "last.jpg"
    sheet.caption(
      "val/1.jpg", [.name("cat"), .words(", predicted "), .name("dog"), .words(" (wrong, 61.4 %)")], image: 0)
    sheet.caption(path, [.name("cat")], image: 2)
    return sheet
  }

  private func gray(_ height: Int, _ width: Int, _ value: UInt8 = 90) -> RGBImage {
    RGBImage(height: height, width: width, pixels: Array(repeating: value, count: 3 * height * width))
  }

  private func pixel(_ image: RGBImage, _ y: Int, _ x: Int) -> [UInt8] {
    Array(image.pixels[3 * (y * image.width + x)..<3 * (y * image.width + x) + 3])
  }

  /// Margins of 14 around groups, gaps of 3 within, cells of 112: three groups of 4 cells and 457 pixels.
  @Test func picturesAreInTheMiddleOfCells() throws {
    let image = try sheet(hasText: false).image()
    #expect((image.height, image.width) == (112 + 2 * 14, 3 * (457 + 14) + 14))
    // 10 x 20 becomes 56 x 112.
    #expect(pixel(image, 14 + 27, 14) == [255, 255, 255] && pixel(image, 14 + 28, 14) == [90, 90, 90])
    #expect(pixel(image, 14 + 83, 125) == [90, 90, 90] && pixel(image, 14 + 84, 125) == [255, 255, 255])
    #expect(pixel(image, image.height - 15, image.width - 15) == [200, 200, 200])
    #expect(pixel(image, image.height - 14, image.width - 15) == [255, 255, 255])
  }

  @Test func wordsSayWhatIsWhat() {
    let svg = sheet(hasText: true).words.svg
    #expect(svg.contains(">Worst: &lt;head&gt;</text>") && svg.contains(">The greatest losses.</text>"))
    // Above each of the three groups in the row.
    #expect(svg.components(separatedBy: ">encoder&#39;s [cls]</text>").count == 1 + 3)
    #expect(svg.contains(">a tit…as room for</text>"))
    #expect(svg.contains(">val/1.jpg</text>") && svg.contains(">cat, predicted dog (wrong, 61.4 %)</text>"))
    #expect(svg.contains(">…") && svg.contains("/folder-79/last.jpg</text>"), "of paths the end is kept")
  }

  /// Long labels, a long prediction, both, and both so alike that only their middle differs.
  @Test(arguments: [
    ("airplane, automobile, bird, deer, dog, frog, horse, ship, truck", "cat"),
    ("cat", "04432_Plantae_Tracheophyta_Magnoliopsida_Fagales_Fagaceae_Quercus"),
    (String(repeating: "a", count: 90), String(repeating: "b", count: 90)),
    (
      String(repeating: "a", count: 90) + "1" + String(repeating: "c", count: 90),
      String(repeating: "a", count: 90) + "2" + String(repeating: "c", count: 90)
    ),
  ])
  func longNamesLeaveThePredictionAndTheVerdict(_ label: String, _ prediction: String) throws {
    var sheet = ContactSheet(
      title: "Worst", explanation: "", columns: ["image", "encoder", "head"], imageCount: 1, cell: 112,
      hasText: true)
    sheet.caption(
      "1.jpg", [.name(label), .words(", predicted "), .name(prediction), .words(" (wrong, 59.2 %)")], image: 0
    )
    let svg = sheet.words.svg
    let line = try #require(svg.firstMatch(of: #/>([^<>]*), predicted ([^<>]*) \(wrong, 59.2 %\)<\/text>/#))
    // Three cells of 112 and two gaps of 3; small text takes 11 twelfths of its width.
    #expect(Picture.textWidth("\(line.1), predicted \(line.2) (wrong, 59.2 %)") * 11 / 12 <= 342)
    for (name, shown) in [(label, line.1), (prediction, line.2)] {
      #expect(shown == name || (name.count > 3 && shown.contains("…") && shown.count >= 10))
    }
    #expect(
      line.1 != line.2 && (label == "cat" || prediction == "cat") == (line.1 == "cat" || line.2 == "cat"))
  }

  @Test(.enabled(if: Picture.canBecomePNG)) func wordsLieBesideThePictures() throws {
    let image = try sheet(hasText: true).image()
    let plain = try sheet(hasText: false).image()
    #expect(image.width == plain.width && image.height == plain.height + 62 + 6 + 28)
    let top = 62 + 14
    func ink(_ rows: Range<Int>, _ columns: Range<Int>) -> Int {
      rows.reduce(0) { count, y in count + columns.count { pixel(image, y, $0)[0] < 160 } }
    }
    // Title and explanation, titles of columns, captions.
    #expect(ink(10..<32, 14..<200) > 50 && ink(36..<52, 14..<200) > 50)
    #expect(ink(top - 16..<top, 14..<126) > 10 && ink(top - 16..<top, 14 + 2 * 471..<126 + 2 * 471) > 10)
    #expect(ink(top + 112..<top + 146, 14..<126) > 50 && ink(top + 112..<top + 146, 485..<597) == 0)
    for y in 0..<112 {
      for x in 14..<14 + 457 { #expect(pixel(image, top + y, x) == pixel(plain, 14 + y, x)) }
    }
  }

  @Test func manyImagesHaveSeveralRowsAndSheets() throws {
    #expect(ContactSheet.capacity(columnCount: 3, cell: 112) == 48)
    #expect(ContactSheet.capacity(columnCount: 11, cell: 112) == 12)
    #expect(ContactSheet.mostColumns(cell: 112) == 12)
    let widths = try [1, 3, 6].map { try sheet(hasText: false, images: max(3, $0)).image().width }
    #expect(Set(widths) == [3 * 471 + 14])
    #expect(try sheet(hasText: false, images: 7).image().height == 3 * 126 + 14)
  }
}
