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
      "Leaderboard", "Score against parameters", "Confusion", "as right as confident", "t-SNE. both", "cat",
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
    let unwritable = try program.run(["report", run, "--figures", RunFolder(run).summaryFile])
    #expect(unwritable.status == 1 && unwritable.diagnostics.contains("is a file"))
    var summary = try read("run/summary.json")
    summary = summary.replacing(/"parameters" : \d+/, with: "\"parameters\" : -5")
    try summary.write(toFile: RunFolder(run).summaryFile, atomically: true, encoding: .utf8)
    let hostile = try program.run(["report", run])
    #expect(hostile.status == 1 && hostile.diagnostics.contains("numbers that no run has"))
  }

  /// The leaderboard needs no curves.
  @Test(arguments: ["", "no number\n", nil])
  func withoutItsRecordsARunHasNoCurve(text: String?) throws {
    let file = RunFolder(caches.folder.file("run")).metricsFile
    try FileManager.default.removeItem(atPath: file)
    if let text { try text.write(toFile: file, atomically: true, encoding: .utf8) }
    let result = try program.run(
      [
        "report", caches.folder.file("run"), "-o", caches.folder.file("page.html"), "-o",
        caches.folder.file("board.csv"),
      ])
    #expect(result.status == 0 && result.output.contains("abmilp"), "\(result.diagnostics)")
    #expect(result.diagnostics.contains("no learning curve") && result.diagnostics.contains("metrics.jsonl"))
    #expect(try read("page.html").contains("metrics.jsonl"))
    let lines = try read("board.csv").split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
    }
    #expect(lines[1][lines[0].firstIndex(of: "training_seconds_mean")!].isEmpty)
  }

  @Test func whatIsNotTheRunsIsTold() throws {
    let (run, page) = (caches.folder.file("run"), caches.folder.file("page.html"))
    // Other images by --data: allowed, and told.
    let other = try program.run(["report", run, "-q", "-o", page, "--data", caches.train])
    #expect(other.status == 0 && other.diagnostics.isEmpty, "\(other.diagnostics)")
    #expect(try read("page.html").contains("68 images of train (not those that the leaderboard is of)"))
    #expect(try read("page.html").contains("probe report run --data train --output report.html"))
    // A cache of another encoder helps no head.
    try caches.writeReordered("foreign", as: "val", rowCount: 30)
    let foreign = try program.run(["report", run, "-q", "-o", page, "--data", caches.folder.file("foreign")])
    #expect(foreign.status == 1 && foreign.diagnostics.contains("another encoder"), "\(foreign.diagnostics)")
    let none = try program.run(["report", run, "-q", "-o", page, "--data", caches.folder.file("no")])
    #expect(none.status == 1 && none.diagnostics.contains("is not a token cache"), "\(none.diagnostics)")
    // Another run's head in this one's folder.
    try train("seed", ["--cls-features", "abmilp", "--abmilp-depth", "1", "--seed", "7", "--blr", "0.001"])
    try FileManager.default.removeItem(atPath: RunFolder(run).headFile)
    try FileManager.default.copyItem(
      atPath: RunFolder(caches.folder.file("seed")).headFile, toPath: RunFolder(run).headFile)
    let exchanged = try program.run(["report", run, "-o", page])
    #expect(
      exchanged.status == 0
        && exchanged.diagnostics.contains("its head is not the one that the run tells of"),
      "\(exchanged.diagnostics)")
  }

  @Test func aLabelFileThatChangedIsTold() throws {
    let ids = (0..<70).map { "train/\($0).jpg" } + (0..<30).map { "val/\($0).jpg" }
    func write(_ shift: Int) throws -> String {
      let lines = ids.enumerated().map {
        "\($0.element),\(SampleCaches.classNames[($0.offset + shift) % 3])\n"
      }
      return try caches.folder.write(Array(lines.joined().utf8), to: "labels.csv")
    }
    try train("labelled", ["--cls-features", "both", "--label-file", try write(0)])
    _ = try write(1)
    let result = try program.run(
      ["report", caches.folder.file("labelled"), "-o", caches.folder.file("page.html")])
    #expect(result.diagnostics.contains("has changed since the head was measured"), "\(result.diagnostics)")
  }

  /// Runs that name their caches from the folder they were made in are found from elsewhere.
  @Test func relativePathsAreFoundFromTheRunsFolder() throws {
    let shell = Program(path: "/bin/sh")
    let trained = try shell.run(
      [
        "-c", "cd \"$1\" && shift && exec \"$@\"", "sh", caches.folder.path, program.path, "train", "--train",
        "train",
        "--val", "val", "--output-dir", "near", "--batch-size", "16", "--epochs", "1", "--warmup-epochs", "0",
        "-q",
      ])
    #expect(trained.status == 0, "\(trained.diagnostics)")
    let result = try program.run(
      ["report", caches.folder.file("near"), "-q", "-o", caches.folder.file("page.html")])
    #expect(result.status == 0 && result.diagnostics.isEmpty, "\(result.diagnostics)")
    #expect(try read("page.html").contains("Confusion"))
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
    let examiner = try Examiner(
      caches: [], runs: [run], selection: selection, parallel: Parallel(threadCount: threads),
      scratchFolder: caches.folder.path)
    return try examiner.examine(run, Examiner.Observer())
  }

  private func embedding(
    _ selection: EmbeddingSelection, of name: String = "run", threads: Int = 2
  ) throws -> FeatureEmbedding? {
    let examination = try examination(selection, of: name, threads: threads)
    return if case .embedding(let embedding) = examination.embedding { embedding } else { nil }
  }

  @Test func aHeadIsAsGoodAsItWas() throws {
    let examination = try examination()
    let summary = try RunFolder(caches.folder.file("run")).readSummary()
    #expect(examination.metrics == summary.final.validation)
    let confusion = try #require(examination.confusion)
    #expect(confusion.pairs.reduce(0) { $0 + $1.count } == examination.imageCount)
    for (label, score) in examination.classes.enumerated() {
      #expect(score.score == Double(confusion[label, label]) / Double(score.imageCount))
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
    #expect(examination.areItsImages && examination.cacheName == "val")
    #expect(try examination.metrics == RunFolder(caches.folder.file("kind")).readSummary().final.validation)
    #expect(try embedding(.init(), of: "kind")?.images.count == 28)
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
    let embedding = try #require(try embedding(.init(), of: "sets"))
    #expect(embedding.areOfSets)
    #expect(embedding.images.allSatisfy { !$0.id.isEmpty } && Set(embedding.images.map(\.label)).count == 3)
    let page = caches.folder.file("page.html")
    let mixed = try program.run(["report", caches.folder.file("sets"), caches.folder.file("run")])
    #expect(mixed.status == 1 && mixed.diagnostics.contains("report them apart"), "\(mixed.diagnostics)")
    let result = try program.run(["report", caches.folder.file("sets"), "-q", "-o", page])
    #expect(result.status == 0 && result.diagnostics.isEmpty, "\(result.diagnostics)")
    #expect(result.output.contains("mAP %"))
    let text = try read("page.html")
    #expect(
      text.contains("average precision") && !text.contains("Confusion") && text.contains("as of its first"))
  }

  @Test func featuresAreThoseOfTheFirstImagesOfTheFirstClasses() throws {
    let embedding = try #require(try embedding(.init(classCount: 2, imagesPerClass: 4)))
    #expect(embedding.images.map(\.label).sorted() == [0, 0, 0, 0, 1, 1, 1, 1])
    // Rows 3 and 5 of the cache have no image and no label.
    #expect(embedding.images.map(\.id) == [0, 1, 4, 6, 7, 9, 10, 12].map { "val/\($0).jpg" })
    #expect(embedding.components.count == 16 && embedding.neighbours.count == 16)
    #expect(embedding.neighbours.allSatisfy { $0.isFinite })
    let all = try #require(try self.embedding(.init(classCount: nil, imagesPerClass: nil)))
    #expect(all.images.count == 28)
    #expect(
      try self.embedding(.init(classCount: 1, imagesPerClass: 2)) == nil, "two points show nothing")
  }

  /// What is laid out is what the classifier sees: its principal components have that much variance.
  @Test func featuresDoNotDependOnThreads() throws {
    let (one, two) = (try embedding(.init(), threads: 1), try embedding(.init(), threads: 3))
    #expect(one?.components == two?.components && one?.neighbours == two?.neighbours)
    #expect(one != nil)
  }
}
