import Compute
import Evaluation
import Files
import Foundation
import Reading
import Reports
import TestSupport
import Testing
import Training

/// `probe report` as a user runs it, on heads that were really trained.
@Suite struct ReportProgramTests {
  private let program = Program("probe")
  private let caches: SampleCaches

  init() throws {
    caches = try SampleCaches()
    try train("run", ["--cls-features", "abmilp", "--abmilp-depth", "1"])
  }

  private func train(_ run: String, _ more: [String]) throws {
    let result = try program.run(
      [
        "train", "--train", caches.train, "--val", caches.validation, "--output-dir", caches.folder.file(run),
        "--batch-size", "16", "--epochs", "3", "--warmup-epochs", "1", "--no-tensorboard", "-q",
      ] + more)
    #expect(result.status == 0, "\(result.diagnostics)")
  }

  private func read(_ name: String) throws -> String {
    try String(contentsOfFile: caches.folder.file(name), encoding: .utf8)
  }

  @Test func allFormsAreWrittenAtOnce() throws {
    try train("other", ["--cls-features", "both"])
    let names = ["page.html", "board.md", "board.csv", "board.json"]
    let result = try program.run(
      [
        "report", caches.folder.file("run"), caches.folder.file("other"), "-q", "--figures",
        caches.folder.file("figures"),
      ]
        + names.flatMap { ["--output", caches.folder.file($0)] })
    #expect(result.status == 0 && result.diagnostics.isEmpty, "\(result.diagnostics)")
    #expect(result.output.contains("abmilp depth 1 all") && result.output.contains("both"))
    let page = try read("page.html")
    for text in [
      "Leaderboard", "Score against parameters", "Confusion", "as right as confident", "t-SNE: both", "cat",
    ] {
      #expect(page.contains(text), "\(text)")
    }
    #expect(!page.contains("Not looked at again"))
    #expect(try read("board.md").contains("| abmilp depth 1 all |"))
    #expect(try read("board.csv").split(separator: "\n").count == 3)
    let json = try JSONSerialization.jsonObject(with: Data(read("board.json").utf8)) as? [String: Any]
    #expect((json?["entries"] as? [Any])?.count == 2)
    for file in [
      "scores.svg", "scores.png",
      "tsne-1-\(result.output.contains("1  both") ? "both" : "abmilp_depth_1_all").svg",
    ] {
      #expect(FileManager.default.fileExists(atPath: caches.folder.file("figures/\(file)")), "\(file)")
    }
  }

  /// The page tells what is missing, and has the rest.
  @Test func withoutItsCacheAHeadIsNotLookedAtAgain() throws {
    try FileManager.default.moveItem(atPath: caches.validation, toPath: caches.folder.file("moved"))
    let page = caches.folder.file("page.html")
    let result = try program.run(["report", caches.folder.file("run"), "-o", page])
    #expect(result.status == 0)
    #expect(result.diagnostics.contains("is not looked at again"), "\(result.diagnostics)")
    #expect(try read("page.html").contains("Not looked at again") && !read("page.html").contains("Confusion"))
    let found = try program.run(
      ["report", caches.folder.file("run"), "-o", page, "-q", "--data", caches.folder.file("moved")])
    #expect(found.status == 0 && found.diagnostics.isEmpty, "\(found.diagnostics)")
    #expect(try read("page.html").contains("Confusion"))
  }

  @Test func aCacheThatWasMadeAnewIsNotTheOneThatWasMeasured() throws {
    try FileManager.default.removeItem(atPath: caches.validation)
    try caches.write("val", rowCount: 40)
    let result = try program.run(["report", caches.folder.file("run"), "-o", caches.folder.file("page.html")])
    #expect(result.status == 0)
    #expect(result.diagnostics.contains("is not the cache any more"), "\(result.diagnostics)")
  }

  @Test func badInputIsOneClearError() throws {
    let run = caches.folder.file("run")
    let ending = try program.run(["report", run, "--output", "page.pdf"])
    #expect(ending.status == 64 && ending.diagnostics.contains(".html, .md, .csv or .json"))
    let none = try program.run(["report", caches.folder.path])
    #expect(none.status == 1 && none.diagnostics.contains("holds no run"), "\(none.diagnostics)")
    #expect(try program.run(["report", run, "--name", "a", "--name", "b"]).status == 64)
    #expect(try program.run(["report", run, "--embedding-classes", "0"]).status == 64)
    let folder = try program.run(["report", run, "-q", "-o", caches.folder.file("no/such/page.html")])
    #expect(
      folder.status == 1 && folder.diagnostics.split(separator: "\n").count == 1, "\(folder.diagnostics)")
    try "no number\n".write(toFile: RunFolder(run).metricsFile, atomically: true, encoding: .utf8)
    let damaged = try program.run(["report", run])
    #expect(damaged.status == 1 && damaged.diagnostics.contains("metrics.jsonl"), "\(damaged.diagnostics)")
  }

  @Test func oneRunIsReportedOnceHoweverItIsNamed() throws {
    let run = caches.folder.file("run")
    let result = try program.run(["report", run, run + "/", "\(caches.folder.path)/./run"])
    #expect(result.status == 0 && result.output.split(separator: "\n").count == 3, "\(result.output)")
  }

  // MARK: - Looking again

  private func examination(
    _ selection: EmbeddingSelection = .init(), of name: String = "run", threads: Int = 2
  ) throws -> Examination {
    let run = try ReportedRun.read([caches.folder.file(name)])[0]
    let examiner = Examiner(
      caches: [], selection: selection, parallel: Parallel(threadCount: threads),
      scratchFolder: caches.folder.path)
    return try examiner.examine(run, Examiner.Observer())
  }

  @Test func aHeadIsAsGoodAsItWas() throws {
    let examination = try examination()
    let summary = try RunFolder(caches.folder.file("run")).readSummary()
    #expect(examination.metrics == summary.final.validation)
    let confusion = try #require(examination.confusion)
    #expect(confusion.reduce(0, +) == examination.imageCount)
    for (label, score) in examination.classes.enumerated() {
      #expect(score.score == Double(confusion[label * 3 + label]) / Double(score.imageCount))
    }
    let calibration = try #require(examination.calibration)
    #expect(calibration.value == summary.final.validation.calibrationError)
    #expect(calibration.bins.reduce(0) { $0 + ($1?.imageCount ?? 0) } == examination.imageCount)
  }

  /// Whatever a head sees besides its own encoder's tokens is found where the run says.
  @Test(arguments: [
    ["raw"], ["cbam"], ["ep", "--ep-queries", "4", "--amp", "bfloat16"], ["cls", "--beside"],
    ["dino", "--attention-from"],
  ])
  func headsOfAllKindsAreAsGoodAsTheyWere(options: [String]) throws {
    var options = ["--cls-features"] + options
    if let last = options.last, ["--beside", "--attention-from"].contains(last) {
      try caches.writeReordered("other-train", as: "train", rowCount: 70)
      try caches.writeReordered("other-val", as: "val", rowCount: 30)
      options += [caches.folder.file("other-train"), last + "-val", caches.folder.file("other-val")]
    }
    try train("kind", options)
    let examination = try examination(of: "kind")
    #expect(try examination.metrics == RunFolder(caches.folder.file("kind")).readSummary().final.validation)
    #expect(examination.embedding?.images.count == 28)
  }

  @Test func ofSeveralLabelsEachClassHasItsAveragePrecision() throws {
    let names = ["cat;dog", "dog", "", "eel"]
    let ids = (0..<70).map { "train/\($0).jpg" } + (0..<30).map { "val/\($0).jpg" }
    let lines = ids.enumerated().map { "\($0.element),\(names[$0.offset % 4])\n" }.joined()
    let file = try caches.folder.write(Array("id,labels\n\(lines)".utf8), to: "labels.csv")
    try train("sets", ["--cls-features", "both", "--label-file", file])
    let examination = try examination(of: "sets")
    let summary = try RunFolder(caches.folder.file("sets")).readSummary()
    #expect(examination.metrics == summary.final.validation)
    #expect(examination.confusion == nil && examination.calibration == nil)
    let precisions = examination.classes.compactMap(\.score)
    let mean = precisions.reduce(0, +) / Double(precisions.count)
    #expect(abs(mean - (try #require(examination.metrics.meanAveragePrecision))) < 1e-12)
    // Images without a label are nowhere; those of several count as of the first.
    let embedding = try #require(examination.embedding)
    #expect(embedding.images.allSatisfy { !$0.id.isEmpty } && Set(embedding.images.map(\.label)).count == 3)
    let page = caches.folder.file("page.html")
    let result = try program.run(
      ["report", caches.folder.file("sets"), caches.folder.file("run"), "-q", "-o", page])
    #expect(result.status == 0 && result.diagnostics.isEmpty, "\(result.diagnostics)")
    #expect(result.output.contains("mAP %"))
    let text = try read("page.html")
    #expect(
      text.contains("average precision") && text.contains("Confusion") && text.contains("do not compare"))
  }

  @Test func featuresAreThoseOfTheFirstImagesOfTheFirstClasses() throws {
    let embedding = try #require(try examination(.init(classCount: 2, imagesPerClass: 4)).embedding)
    #expect(embedding.images.map(\.label).sorted() == [0, 0, 0, 0, 1, 1, 1, 1])
    // Rows 3 and 5 of the cache have no image and no label.
    #expect(embedding.images.map(\.id) == [0, 1, 4, 6, 7, 9, 10, 12].map { "val/\($0).jpg" })
    #expect(embedding.components.count == 16 && embedding.neighbours.count == 16)
    #expect(embedding.neighbours.allSatisfy { $0.isFinite })
    let all = try #require(try examination(.init(classCount: nil, imagesPerClass: nil)).embedding)
    #expect(all.images.count == 28)
    #expect(
      try examination(.init(classCount: 1, imagesPerClass: 2)).embedding == nil, "two points show nothing")
  }

  /// What is laid out is what the classifier sees: its principal components have that much variance.
  @Test func featuresDoNotDependOnThreads() throws {
    let (one, two) = (try examination(threads: 1).embedding, try examination(threads: 3).embedding)
    #expect(one?.components == two?.components && one?.neighbours == two?.neighbours)
    #expect(one != nil)
  }
}
