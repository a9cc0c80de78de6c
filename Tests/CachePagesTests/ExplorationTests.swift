import CachePages
import Compute
import Files
import Foundation
import Images
import Reporting
import Synchronization
import TestSupport
import Testing
import TokenStore

@Suite struct ExplorationTests {
  private let folder: TemporaryFolder
  private let parallel = Parallel(threadCount: 2)

  init() throws { folder = try TemporaryFolder() }

  @Test func normsAreThoseOfTheTokens() throws {
    let sample = PageCache()
    let survey = try TokenNormSurvey(try sample.write(to: folder.file("cache")), parallel: parallel)
    #expect(survey.rowCount == 12 && survey.goodRowCount == 12)
    #expect(survey.blocks.map(\.block) == [1, 2])
    let patches = (0..<12).flatMap { image in (1...8).map { sample.norm(image: image, token: $0) } }.sorted()
    for block in survey.blocks {
      #expect(block.patches == patches)
      #expect(block.classTokens == Array(repeating: 20, count: 12) && block.registers.isEmpty)
      #expect(block.meanByPlace.count == 8)
      let mean = (0..<12).reduce(Float(0)) { $0 + sample.norm(image: $1, token: 6) } / 12
      #expect(abs(block.meanByPlace[5] - mean) < 1e-5)
    }
  }

  @Test func outliersAreFoundAndOnlyThey() throws {
    let cache = try PageCache().write(to: folder.file("cache"))
    let block = try #require(try TokenNormSurvey(cache, parallel: parallel).blocks.last)
    #expect(block.outlierCount == 4, "one in every third of 12 images")
    #expect(block.threshold > 4 && block.threshold < 40)
    let plain = try PageCache(outlier: nil).write(to: folder.file("plain"))
    #expect(try TokenNormSurvey(plain, parallel: parallel).blocks.allSatisfy { $0.outlierCount == 0 })
  }

  private func page(
    _ cache: TokenCache, samples: Int = 4, images: InputImages? = nil
  ) throws -> ExplorationPage {
    try ExplorationPage(cache, name: "<u>mine</u>", sampleCount: samples, images: images, parallel: parallel)
  }

  @Test func whatTakesAWhileIsToldAndCanBeStopped() throws {
    let cache = try PageCache().write(to: folder.file("cache"))
    let told = Mutex<[String]>([])
    func explore(stoppingAt last: String?) throws {
      struct Stop: Error {}
      _ = try ExplorationPage(cache, name: "mine", sampleCount: 2, images: nil, parallel: parallel) {
        let line = "\($0) \($1)/\($2)"
        told.withLock { $0.append(line) }
        if line == last { throw Stop() }
      }
    }
    try explore(stoppingAt: nil)
    let lines = (0...12).map { "norms \($0)/12" } + (0...2).map { "samples \($0)/2" }
    #expect(told.withLock { $0 } == lines)
    for line in ["norms 0/12", "norms 5/12", "samples 1/2"] {
      #expect(throws: (any Error).self) { try explore(stoppingAt: line) }
    }
  }

  @Test func thePageTellsSizesClassesNormsAndSamples() throws {
    let cache = try PageCache().write(to: folder.file("cache"))
    let page = try page(cache)
    let html = page.report.html
    #expect(html.contains(">[12, 9, 3]</td>") && html.contains(">attention_stats</td>"))
    #expect(!html.contains("<u>") && !html.contains("<b>bee"))
    #expect(html.components(separatedBy: "class=\"card\"").count == 5)
    // A mean and two heads, and norms.
    #expect(html.components(separatedBy: "Attention from [cls]").count == 1 + 4 * 3)
    let bars = try #require(page.figures.first { $0.fileName == "classes" }?.figure as? BarPlot)
    #expect(bars.series[0].values == [6, 6])
    #expect(
      page.figures.map(\.fileName) == [
        "classes", "token-norms", "token-norms-block-1", "token-norms-block-2", "token-norms-places",
      ])
    let histogram = try #require(page.figures[3].figure as? Histogram)
    #expect(histogram.series.map { $0.counts.reduce(0, +) } == [96, 12])
    #expect(histogram.references.count == 1)
    #expect(page.remarks.isEmpty)
  }

  @Test func withoutClassTokenTheCentreIsShown() throws {
    let cache = try PageCache(hasClassToken: false).write(to: folder.file("cache"))
    let html = try page(cache).report.html
    #expect(
      html.contains("Attention from the central 3 x 3 patches") && !html.contains("Attention from [cls]"))
  }

  @Test func aCacheWithoutTokensLabelsOrSamplesHasAPage() throws {
    let cache = try PageCache(blocks: [], classNames: []).write(to: folder.file("cache"))
    let page = try page(cache, samples: 0)
    #expect(page.figures.isEmpty)
    #expect(!page.report.html.contains("Norms of tokens") && !page.report.html.contains("Samples"))
  }

  @Test func manyClassesAreCountedInAHistogram() throws {
    let names = (0..<50).map { "class \($0)" }
    let cache = try PageCache(imageCount: 4, classNames: names).write(to: folder.file("cache"))
    let figure = try #require(try page(cache).figures.first?.figure as? Histogram)
    // Two classes of two images; the others have none.
    #expect(figure.series[0].counts.reduce(0, +) == 50 && figure.series[0].counts.first == 48)
  }

  @Test func imagesAreFoundByTheirIDs() throws {
    let cache = try PageCache().write(to: folder.file("cache"))
    for image in 0..<10 where image != 3 {
      let pixels = [UInt8](repeating: UInt8(image * 20), count: 8 * 16 * 3)
      try folder.write(
        try JPEG.encode(pixels, width: 16, height: 8, quality: 90),
        to: "images/class\(image % 2)/\(image).jpg")
    }
    try folder.write([1, 2, 3], to: "images/class1/3.jpg")
    let dataset = try ImageDataset(path: folder.file("images"))
    let page = try page(
      cache, samples: 12, images: try InputImages(dataset, of: cache.configuration))
    #expect(page.report.html.components(separatedBy: "<img src=\"data:image/jpeg").count == 1 + 9)
    #expect(page.report.html.contains("alt=\"The image class0/0.jpg as the encoder saw it\""))
    #expect(page.remarks.count == 2)
    #expect(page.remarks[0].contains("class1/3.jpg"))
    #expect(page.remarks[1].hasPrefix("2 of the samples are not in the data set"))
  }
}
