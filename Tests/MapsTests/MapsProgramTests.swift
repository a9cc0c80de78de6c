import Files
import Foundation
import Images
import Maps
import Reporting
import TestSupport
import Testing

/// `probe maps`, run as a user runs it.
@Suite struct MapsProgramTests {
  private let program = Program("probe")
  private let caches: SampleCaches

  init() throws { caches = try SampleCaches() }

  private func train(_ features: String, _ more: [String] = []) throws -> String {
    let run = caches.folder.file("run-\(features)")
    let trained = try program.run(
      [
        "train", "--train", caches.train, "--val", caches.validation, "--output-dir", run, "--cls-features",
        features, "--epochs", "1", "--batch-size", "16", "--warmup-epochs", "0", "-q",
      ] + more)
    try #require(trained.status == 0, "\(trained.diagnostics)")
    return run
  }

  private func maps(_ run: String, _ more: [String] = [], output: String = "maps") throws -> Program.Result {
    try program.run(
      ["maps", run, "--data", caches.validation, "--output-dir", caches.folder.file(output), "-q"] + more)
  }

  private func cards(_ output: String = "maps") throws -> [MapCard] {
    try String(contentsOfFile: caches.folder.file(output + "/maps.jsonl"), encoding: .utf8)
      .split(separator: "\n").map { try JSONDecoder().decode(MapCard.self, from: Data($0.utf8)) }
  }

  private func page(_ output: String = "maps") throws -> String {
    try String(contentsOfFile: caches.folder.file(output + "/index.html"), encoding: .utf8)
  }

  /// The images of the sample's ids, which begin with the split that is their class folder, too.
  private func writeImages(_ rows: some Sequence<Int>) throws -> String {
    for row in rows {
      let image = RGBImage(
        height: 12, width: 20, pixels: (0..<720).map { UInt8(truncatingIfNeeded: $0 * (row + 1)) })
      try caches.folder.write(PNG.encode(image), to: "images/val/val/\(row).jpg")
    }
    return caches.folder.file("images")
  }

  @Test func everyQueryHasAMapOnTheImage() throws {
    let run = try train("ep", ["--ep-queries", "4"])
    let result = try maps(
      run, ["--data-path", writeImages(0..<30), "--images", "best:2", "val/7.jpg", "--size", "100", "--json"])
    #expect(result.status == 0 && result.diagnostics.isEmpty, "\(result.diagnostics)")
    let cards = try cards()
    #expect(cards.contains { $0.id == "val/7.jpg" && $0.row == 7 && $0.labels == ["dog"] })
    for card in cards {
      #expect(card.pictures.map(\.role) == [.image, .encoder, .head, .row, .row, .row, .row])
      for picture in card.pictures {
        let image = try ImageDecoder.decode(caches.folder.file("maps/" + picture.file))
        #expect((image.height, image.width) == (60, 100))
        #expect((picture.height, picture.width) == (60, 100))
        #expect((picture.numbers == nil) == (picture.role == .image))
      }
      // The head looks at patches alone, whose weights add up to 1 in each row and so in their mean.
      let head = try #require(card.pictures[2].numbers)
      #expect(head.prefixTokens == 0 && head.ownToken == nil)
      #expect(head.largest >= 1 / 6 && head.smallest <= 1 / 6)
      #expect(head.peakRow < 3 && head.peakColumn < 2)
    }
    let page = try page()
    for card in cards {
      for picture in card.pictures { #expect(page.contains("<img src=\"\(picture.file)\"")) }
    }
    #expect(page.contains("ep 4 queries") && page.contains("<a href=\"sheets/best.png\">best.png</a>"))
    #expect(page.contains("img-src 'self' file:;") && !page.contains("http:") && !page.contains("https:"))
    for card in cards {
      let verdict = card.isRight ? "<span class=\"faint\">right" : "<b class=\"alert\">wrong"
      #expect(
        page.contains(
          "<h3>\(card.id)</h3>\n<p><b>\(card.labels[0])</b>, predicted \(card.prediction) (\(verdict)"))
    }
    #expect(page.contains("Map of query 3 over val/7.jpg: greatest, "))
    // An image, the encoder, the head and its four queries.
    let sheet = try ImageDecoder.decode(caches.folder.file("maps/sheets/best.png"))
    #expect(sheet.width == 7 * 115 - 3 + 2 * 14)
    let told = try JSONDecoder().decode(MapGallery.Result.self, from: Data(result.output.utf8))
    #expect(told.images == cards.count && told.maps == 6 * cards.count && told.headHasMaps)
    #expect(told.sheetsHaveText == Picture.canBecomePNG)
  }

  @Test func mapsAreDrawnAloneWhereImagesAreNot() throws {
    let run = try train("abmilp")
    let alone = try maps(run, ["--images", "0", "7"])
    #expect(alone.status == 0, "\(alone.diagnostics)")
    #expect(try cards().allSatisfy { $0.pictures.map(\.role) == [.encoder, .head] })
    #expect(try page().contains("drawn alone"))

    let some = try maps(run, ["--images", "0", "7", "--data-path", writeImages([7])], output: "some")
    #expect(some.status == 0 && some.diagnostics.contains("1 images were not found"), "\(some.diagnostics)")
    #expect(try cards("some").map { $0.pictures.contains { $0.role == .image } } == [false, true])
    #expect(try page("some").contains("1 images were not found"))
    // AbMILP looks at [cls], too.
    let numbers = try cards("some").flatMap { $0.pictures.filter { $0.role == .head }.map { $0.numbers! } }
    #expect(numbers.allSatisfy { $0.prefixTokens > 0 && $0.prefixTokens < 1 })
  }

  @Test(arguments: ["cait", "dolg", "cbam", "tcut", "attn-mn", "ca2", "cp1"])
  func otherHeadsHaveMaps(features: String) throws {
    let result = try maps(try train(features), ["--images", "wrong:3", "class:eel:2"])
    #expect(result.status == 0 && result.diagnostics.isEmpty, "\(result.diagnostics)")
    for card in try cards() {
      let head = try #require(card.pictures.first { $0.role == .head }?.numbers)
      #expect((head.ownToken != nil) == (features == "cait"))
      #expect(head.largest > 0)
    }
  }

  @Test(arguments: ["cls", "pos", "both", "raw"])
  func headsWithoutWeightsSaySo(features: String) throws {
    let result = try maps(try train(features), ["--images", "0"])
    #expect(result.status == 0 && result.diagnostics.contains("no token weighs more than another"))
    #expect(try cards().allSatisfy { $0.pictures.map(\.role) == [.encoder] })
    #expect(try page().contains("no token weighs more than another"))
  }

  @Test func sectionsAreHeadingsThatTheContentsLeadTo() throws {
    #expect(try maps(try train("abmilp"), ["--images", "best:2", "worst:2", "class:*:1", "0"]).status == 0)
    let page = try page()
    for (number, title) in ["Chosen images", "Best", "Worst", "Class cat"].enumerated() {
      #expect(page.contains("<h2 id=\"section-\(number + 1)\">\(title)</h2>"))
      #expect(page.contains("<a href=\"#section-\(number + 1)\">\(title)</a>"))
    }
    #expect(page.contains(">How it was made</h2>") && page.contains("<dt>Encoder</dt>"))
  }

  @Test func namesOfStrangersAreText() throws {
    let names = ["<script>alert(1)</script>", "\"><img src=x>", "&amp;"]
    for name in ["train", "val"] {
      try FileManager.default.removeItem(atPath: caches.folder.file(name))
      try caches.write(name, rowCount: 30) { $0.dataset.classNames = names }
    }
    let result = try maps(try train("simpool"), ["--images", "class:*:1"])
    #expect(result.status == 0, "\(result.diagnostics)")
    let page = try page()
    #expect(!page.contains("<script") && !page.contains("<img src=x") && page.contains("&lt;script&gt;"))
    let files = try FileManager.default.contentsOfDirectory(atPath: caches.folder.file("maps/sheets"))
    #expect(files.sorted() == ["class-0.png", "class-1.png", "class-2.png"])
  }

  @Test func aPageIsReplacedOnRequestOnly() throws {
    let run = try train("abmilp")
    #expect(try maps(run, ["--images", "0", "7"]).status == 0)
    let before = try page()
    try caches.folder.write([1], to: "maps/images/mine.png")
    let refused = try maps(run, ["--images", "8"])
    #expect(refused.status == 1 && refused.diagnostics.contains("--overwrite"), "\(refused.diagnostics)")
    #expect(try page() == before)
    #expect(try maps(run, ["--images", "8", "--overwrite"]).status == 0)
    let images = try FileManager.default.contentsOfDirectory(atPath: caches.folder.file("maps/images"))
    #expect(images.sorted() == ["000008-encoder.png", "000008-head.png", "mine.png"])
  }

  @Test func severalLabelsAreShown() throws {
    let ids = (0..<70).map { "train/\($0).jpg" } + (0..<30).map { "val/\($0).jpg" }
    let lines = ids.enumerated().map { "\($1),\($0 % 4 == 0 ? "cat;dog" : $0 % 4 == 1 ? "eel" : "")\n" }
    let file = try caches.folder.write(Array(("id,labels\n" + lines.joined()).utf8), to: "labels.csv")
    let run = try train("abmilp", ["--label-file", file])
    let result = try maps(run, ["--label-file", file, "--images", "best:3", "wrong:3", "class:dog:2", "0"])
    #expect(result.status == 0, "\(result.diagnostics)")
    #expect(try cards().contains { $0.labels == ["cat", "dog"] })
    #expect(try cards().contains { $0.row == 0 && $0.labels.isEmpty && !$0.isRight })
  }

  @Test(
    arguments: [
      (["--images", "best"], 1), (["--images", "class:cow:1"], 1), (["--images", "nothing/*"], 1),
      (["--images", "5"], 1), (["--data-path", "/no/such/folder"], 1), (["--size", "7"], 64),
      (["--interpolation", "cubic"], 64), (["--data-path", "a", "--data-path", "b"], 1),
      (["--data", "/no/cache"], 1), (["--output-dir", "/dev/null/x"], 1),
    ] as [([String], Int32)])
  func badInputIsOneError(arguments: [String], status: Int32) throws {
    let result = try maps(try train("abmilp"), arguments)
    #expect(result.status == status, "\(result.diagnostics)")
    if status == 1 { #expect(result.diagnostics.split(separator: "\n").count == 1, "\(result.diagnostics)") }
    #expect(!FileManager.default.fileExists(atPath: caches.folder.file("maps/index.html")))
  }

  @Test func otherImagesThanTheCachesAreAnError() throws {
    try caches.folder.write([0], to: "others/val/dogs/1.jpg")
    let result = try maps(
      try train("abmilp"), ["--images", "0", "--data-path", caches.folder.file("others")])
    #expect(result.status == 1 && result.diagnostics.contains("holds none of the images"))
  }

  @Test func picturesDoNotDependOnThreads() throws {
    let run = try train("jepa", ["--num-heads", "2"])
    let path = try writeImages(0..<30)
    for threads in ["1", "3"] {
      let result = try maps(
        run, ["--images", "worst:9", "--data-path", path, "--num-workers", threads], output: threads)
      #expect(result.status == 0, "\(result.diagnostics)")
    }
    let (one, three) = (caches.folder.file("1"), caches.folder.file("3"))
    for name in try FileManager.default.subpathsOfDirectory(atPath: one) where name.contains(".") {
      let same = FileManager.default.contentsEqual(atPath: one + "/" + name, andPath: three + "/" + name)
      #expect(same, "\(name)")
    }
  }
}
