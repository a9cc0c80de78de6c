import Compute
import Foundation
import Heads
import Reading
import Reporting
import TestSupport
import Testing
import Training

/// The program `probe`, run as a user runs it.
@Suite struct ProgramTests {
  private let program = Program("probe")
  private let caches: SampleCaches

  init() throws { caches = try SampleCaches() }

  private func arguments(_ run: String, _ more: [String] = []) -> [String] {
    [
      "train", "--train", caches.train, "--val", caches.validation, "--output_dir", caches.folder.file(run),
      "--cls_features", "abmilp", "--abmilp_depth", "2", "--abmilp_cond", "pe", "--batch_size", "16",
      "--warmup_epochs", "2",
    ] + more
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test func trainEvalAndReportWorkTogether() throws {
    let trained = try program.run(arguments("run", ["--epochs", "4", "--json"]))
    #expect(trained.status == 0, "\(trained.diagnostics)")
    let final = try #require(try object(trained.output)["final"] as? [String: Any])
    let expected = try #require(final["validation"] as? [String: Any])

    let predictions = caches.folder.file("predictions.csv")
    let measured = try program.run(
      [
        "eval", caches.folder.file("run"), "--data", caches.validation, "--json", "--predictions",
        predictions,
      ])
    #expect(measured.status == 0, "\(measured.diagnostics)")
    #expect(try NSDictionary(dictionary: object(measured.output)).isEqual(to: expected))
    let lines = try String(contentsOfFile: predictions, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 1 + 28)

    let page = caches.folder.file("report.html")
    let report = try program.run(["report", caches.folder.file("run"), "--output", page])
    #expect(report.status == 0, "\(report.diagnostics)")
    #expect(report.output.contains("abmilp depth 2"))
    let html = try String(contentsOfFile: page, encoding: .utf8)
    #expect(html.contains("<svg") && html.contains("abmilp depth 2"))
  }

  /// A head is measured as it was trained unless something else is asked for.
  @Test func roundedOperandsAreASettingOfTheRun() throws {
    let trained = try program.run(arguments("run", ["--epochs", "4", "--amp", "bfloat16", "--json"]))
    #expect(trained.status == 0, "\(trained.diagnostics)")
    let summary = try object(trained.output)
    #expect((summary["configuration"] as? [String: Any])?["amp"] as? String == "bfloat16")
    let expected = try #require((summary["final"] as? [String: Any])?["validation"] as? [String: Any])
    func measured(_ more: [String]) throws -> NSDictionary {
      let result = try program.run(
        ["eval", caches.folder.file("run"), "--data", caches.validation, "--json"] + more)
      #expect(result.status == 0, "\(result.diagnostics)")
      return try NSDictionary(dictionary: object(result.output))
    }
    #expect(try measured([]).isEqual(to: expected))
    #expect(try measured(["--amp", "bfloat16"]).isEqual(to: expected))
    let exact = try measured(["--amp", "none"])
    #expect(!exact.isEqual(to: expected))
    let (loss, rounded) = (exact["loss"] as? Double, expected["loss"] as? Double)
    #expect(try abs(#require(loss) - #require(rounded)) < 0.01)

    let other = try program.run(arguments("run", ["--epochs", "4", "--resume"]))
    #expect(other.status == 1 && other.diagnostics.contains("amp was bfloat16, is none"))
    let page = caches.folder.file("report.html")
    #expect(try program.run(["report", caches.folder.file("run"), "--output", page]).status == 0)
    #expect(try String(contentsOfFile: page, encoding: .utf8).contains("<dd>bfloat16</dd>"))
  }

  @Test(
    arguments: [
      (["train", "--epochs", "3"], 64), (["--help"], 0),
      (["eval", "/no/such/run", "--data", "/no/cache"], 1),
      (["report", "/no/such/run"], 1),
      (["train", "--train", "/no/a", "--val", "/no/b", "--output-dir", "/no/c"], 1),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--epochs", "0"], 64),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--abmilp-sa", "sideways"], 64),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--resume", "--overwrite"], 64),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--betas", "0.9"], 64),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--amp", "float16"], 64),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--betas", "0.9", "1"], 64),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--optimizer", "sgd", "--nesterov"], 64),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--shots", "1", "--fraction", "1"], 64),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--fraction", "0"], 64),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--shots", "0"], 64),
      (["train", "--train", "a", "--val", "b", "--output-dir", "c", "--return-block", "-1"], 64),
    ] as [([String], Int32)])
  func exitStatusesTellWhatIsWrong(arguments: [String], status: Int32) throws {
    let result = try program.run(arguments)
    #expect(result.status == status, "\(result.diagnostics)")
    if status == 1 { #expect(result.diagnostics.split(separator: "\n").count == 1, "\(result.diagnostics)") }
  }

  /// Caches joined, with a file's labels, the choices of data and all checks; measured with the same labels.
  @Test func optionsOfDataDecideTheRun() throws {
    let ids = (0..<70).map { "train/\($0).jpg" } + (0..<30).map { "val/\($0).jpg" }
    let labels = ids.enumerated().map { "\($1),\($0 % 2 == 0 ? "even" : "odd")\n" }.joined()
    let file = try caches.folder.write(Array(labels.utf8), to: "labels.csv")
    let reading = ["--label-file", file, "--check-crc", "--read-ahead", "1"]
    let options = [
      "--train", caches.validation, "--shots", "20", "--subset-seed", "3", "--balanced", "--shuffle",
      "blocks",
      "--return-block", "1", "--epochs", "3", "--json",
    ]
    let trained = try program.run(arguments("run", options + reading))
    #expect(trained.status == 0, "\(trained.diagnostics)")
    let summary = try object(trained.output)
    let train = try #require(summary["train"] as? [String: Any])
    #expect(train["label_file"] as? String == file && train["beside_caches"] == nil)
    #expect(train["images"] as? Int == 40 && train["foreign_labels"] as? Int == 0)
    #expect((summary["validation"] as? [String: Any])?["foreign_labels"] as? Int == 70)
    #expect((summary["layout"] as? [String: Any])?["class_names"] as? [String] == ["even", "odd"])
    let data = try #require((summary["configuration"] as? [String: Any])?["data"] as? [String: Any])
    #expect(data["shuffle"] as? String == "blocks" && data["balanced"] as? Bool == true)
    #expect(data["shots"] as? Int == 20 && data["block"] as? Int == 1)
    #expect((data["labels"] as? [String: Any])?["several"] as? Bool == false)

    let final = try #require(summary["final"] as? [String: Any])
    let expected = try #require(final["validation"] as? [String: Any])
    let measured = try program.run(
      ["eval", caches.folder.file("run"), "--data", caches.validation, "--json"] + reading)
    #expect(measured.status == 0, "\(measured.diagnostics)")
    #expect(try NSDictionary(dictionary: object(measured.output)).isEqual(to: expected))
    let other = try program.run(["eval", caches.folder.file("run"), "--data", caches.validation])
    #expect(other.status == 1 && other.diagnostics.contains("class_names"), "\(other.diagnostics)")
  }

  @Test func controlCStopsAndSaysHowToGoOn() throws {
    let many = arguments("run", ["--epochs", "30000", "-q"])
    let metrics = RunFolder(caches.folder.file("run")).metricsFile
    let stopped = try program.run(many) { process in
      while process.isRunning, (try? bytes(ofFile: metrics).isEmpty) ?? true { usleep(500) }
      process.interrupt()
    }
    #expect(stopped.status == 130)
    #expect(stopped.diagnostics.contains("--resume"), "\(stopped.diagnostics)")
    #expect(
      FileManager.default.fileExists(atPath: RunFolder(caches.folder.file("run")).checkpointFile(track: 0)))
  }

  @Test func aKilledRunGoesOnToTheSameHead() throws {
    let options = ["--epochs", "60", "-q"]
    #expect(try program.run(arguments("whole", options)).status == 0)
    var generator = SeededGenerator(seed: 11)
    var killed = 0
    for _ in 0..<8 {
      let result = try program.run(arguments("parts", options + ["--resume"])) { process in
        usleep(UInt32(10_000 + generator.bounded(60_000)))
        kill(process.processIdentifier, SIGKILL)
      }
      if result.signal == SIGKILL { killed += 1 }
    }
    #expect(killed > 0)
    let finished = try program.run(arguments("parts", options + ["--resume"]))
    #expect(finished.status == 0, "\(finished.diagnostics)")
    let heads = try ["whole", "parts"].map { try bytes(ofFile: RunFolder(caches.folder.file($0)).headFile) }
    #expect(heads[0] == heads[1])
  }

  // MARK: - Terminals

  /// What a person sees of a run on a terminal that becomes narrower, and after it.
  @Test func aTerminalShowsATableOfTheHeads() throws {
    let terminal = try PseudoTerminal(columns: 130, rows: 20)
    let running = try program.start(
      arguments("run", ["--epochs", "30000"]), environment: ["TERM": "xterm"], terminal: terminal)
    func wait(_ isSeen: (String) -> Bool) {
      while running.process.isRunning, !isSeen(terminal.text) { usleep(1000) }
    }
    // A whole drawing.
    wait { $0.contains("val by epoch") && $0.hasSuffix("\u{1B}[J") }
    let before = terminal.text
    try terminal.resize(columns: 60, rows: 20)
    wait { $0.utf8.count > before.utf8.count + 2000 }
    running.process.interrupt()
    #expect(try running.result().status == 130)
    var screen = Screen(columns: 130, rows: 20)
    screen.show(before)
    #expect(screen.lines.count == 3, "\(screen.lines)")
    #expect(screen.lines[1].hasPrefix("head "), "\(screen.lines)")

    // It may have been in the middle of a drawing of the old width.
    screen.resize(columns: 60, rows: 20)
    screen.show(String(terminal.wholeText().dropFirst(before.count)))
    let lines = screen.lines
    #expect(lines.filter { $0.hasPrefix("head ") }.count == 1, "\(lines)")
    #expect(lines[0].hasPrefix("abmilp depth 2 all tanh pe: "), "\(lines)")
    let error = try #require(lines.firstIndex { $0.hasPrefix("probe: error: stopped") })
    #expect(lines[error - 1].hasPrefix("abmilp depth 2 all tanh pe"), "\(lines)")
  }

  /// Log files and terminals that cannot move their cursor.
  @Test func elsewhereLinesArePlain() throws {
    let terminal = try PseudoTerminal(columns: 80, rows: 20)
    let running = try program.start(
      arguments("run", ["--epochs", "2"]), environment: ["TERM": "dumb"], terminal: terminal)
    #expect(try running.result().status == 0)
    #expect(!terminal.wholeText().contains("\u{1B}"))
    let logged = try program.run(arguments("other", ["--epochs", "2"]), environment: ["TERM": "xterm"])
    #expect(!logged.diagnostics.contains("\u{1B}") && !logged.diagnostics.contains("val by epoch"))
    let quiet = try program.run(arguments("quiet", ["--epochs", "2", "--quiet"]))
    #expect(quiet.status == 0 && quiet.diagnostics.isEmpty, "\(quiet.diagnostics)")
  }

  // MARK: - Programs that read

  /// One document on stdout, and nothing beside it but what the user should know.
  @Test func resultsAreReadByPrograms() throws {
    let run = caches.folder.file("run")
    let commands = [
      arguments("run", ["--epochs", "2", "--json", "-q"]),
      ["eval", run, "--data", caches.validation, "--json", "-q"],
      ["maps", run, "--data", caches.validation, "-o", caches.folder.file("maps"), "--json", "-q"],
      sweepArguments("sweep", ["--json"]),
    ]
    for command in commands {
      let result = try program.run(command)
      #expect(result.status == 0 && result.diagnostics.isEmpty, "\(command[0]): \(result.diagnostics)")
      _ = try object(result.output)
    }
    let noted = try program.run(
      sweepArguments("noted", ["--optimizer", "sgd", "--blrs", "0.1,1e40", "--json"]))
    #expect(noted.diagnostics.contains("1 of 2 runs were given up"))
    #expect((try object(noted.output)["runs"] as? [Any])?.count == 2)
    let shown = try program.run(["eval", run, "--data", caches.validation])
    #expect(shown.diagnostics.contains("measuring: 28 of 28 images"), "\(shown.diagnostics)")
  }

  // MARK: - Sweeps

  private func sweepArguments(_ name: String, _ more: [String]) -> [String] {
    [
      "sweep", "--train", caches.train, "--val", caches.validation, "--output-dir", caches.folder.file(name),
      "--batch-size", "16", "--epochs", "2", "--warmup-epochs", "1", "-q",
    ] + more
  }

  @Test(arguments: [["--seeds", "0,1,0"], ["--blrs", "0.1,0.10"], ["--weight-decays", "0,0"]])
  func listsNameNothingTwice(list: [String]) throws {
    let result = try program.run(sweepArguments("sweep", list))
    #expect(result.status == 64 && result.diagnostics.contains("twice"), "\(result.diagnostics)")
  }

  @Test func aSweepTellsOfEveryHeadAndOfWhatWasGivenUp() throws {
    let heads = [
      "--cls-features", "cls,abmilp", "--abmilp-depth", "1", "--abmilp-act", "relu,tanh", "--optimizer",
      "sgd",
    ]
    let result = try program.run(sweepArguments("sweep", heads + ["--blrs", "0.1,1e40"]))
    #expect(result.status == 0, "\(result.diagnostics)")
    // AbMILP of one layer has no activation: one head, not two.
    #expect(result.output.split(separator: "\n").count == 2 + 2, "\(result.output)")
    #expect(result.diagnostics.contains("2 of 4 runs were given up"), "\(result.diagnostics)")
    #expect(result.diagnostics.split(separator: "\n").count == 1 && !result.diagnostics.contains("-nan"))
    let json = try object(
      String(contentsOfFile: SweepFolder(caches.folder.file("sweep")).summaryFile, encoding: .utf8))
    #expect((json["train"] as? [String: Any])?["manifest_sha256"] != nil && json["encoder_settings"] != nil)
    let runs = try #require(json["runs"] as? [[String: Any]])
    let data = try #require((runs[1]["configuration"] as? [String: Any])?["data"] as? [String: Any])
    #expect(data["block"] as? Int == 1)

    let report = try program.run(["report", caches.folder.file("sweep")])
    #expect(
      report.status == 0 && report.output.split(separator: "\n").count == 2 + 2 + 1, "\(report.diagnostics)")
    #expect(report.output.contains("given up"))
    let measured = try program.run(["eval", caches.folder.file("sweep"), "--data", caches.validation])
    #expect(measured.status == 1 && measured.diagnostics.contains("holds a sweep"), "\(measured.diagnostics)")

    let none = try program.run(sweepArguments("none", heads + ["--blrs", "1e40,1e41"]))
    #expect(none.status == 1 && none.output.components(separatedBy: "all given up").count == 1 + 2)
    #expect(none.diagnostics.contains("none of 4 runs finished"), "\(none.diagnostics)")
    #expect(none.diagnostics.split(separator: "\n").count == 1, "\(none.diagnostics)")
  }

  @Test func alsoASweepWithoutASurvivorIsOneDocument() throws {
    let result = try program.run(
      sweepArguments("none", ["--cls-features", "cls,pos", "--blr", "1e40", "--json"]))
    #expect(
      result.status == 1 && result.diagnostics.contains("none of 2 runs finished"), "\(result.diagnostics)")
    let file = SweepFolder(caches.folder.file("none")).summaryFile
    #expect(try result.output == String(contentsOfFile: file, encoding: .utf8))
  }

  /// Heads that learn one after the other: the last line is of all of them.
  @Test(arguments: ["cls,pos", "pos,cls"]) func aSweepEndsWithTheBestOfAll(heads: String) throws {
    let arguments = sweepArguments("sweep", ["--cls-features", heads]).filter { $0 != "-q" }
    let result = try program.run(arguments)
    #expect(result.status == 0, "\(result.diagnostics)")
    let summary = try object(
      String(contentsOfFile: SweepFolder(caches.folder.file("sweep")).summaryFile, encoding: .utf8))
    let scores = try #require(summary["runs"] as? [[String: Any]]).map { run in
      let final = try #require(run["final"] as? [String: Any])
      return try #require((final["validation"] as? [String: Any])?["top1"] as? Double)
    }
    #expect(Set(scores).count == 2, "a best one is needed: \(scores)")
    let last = try #require(result.diagnostics.split(separator: "\n").last)
    #expect(last.hasPrefix("sweep of 2: ") && last.contains("batches/s, best val top-1"), "\(last)")
    #expect(last.hasSuffix(NumberText.percentage(scores.max()!)) && !last.contains("loss"), "\(last)")
  }

  /// Whoever follows the files of all runs finds them before the last head begins.
  @Test func allRunsHaveTheirFoldersFromTheStart() throws {
    let runs = ["cls", "pos"].map { name in
      PlannedRun(
        TrainingConfiguration(
          head: HeadDescription(features: name == "cls" ? .cls : .pos),
          optimizer: OptimizerDescription(.sgd, momentum: 0.9, weightDecay: 0),
          schedule: LearningRateSchedule(peak: 0.1, minimum: 0, warmupEpochs: 0, epochs: 1), epochs: 1,
          batchSize: 16, accumulation: 1, seed: 0), RunFolder(caches.folder.file("sweep/runs/\(name)")))
    }
    var observer = TrainingRun.Observer()
    observer.shouldStop = { true }
    _ = try TrainingRun(
      runs, DataSources(train: [caches.train], validation: [caches.validation]),
      folder: RunFolder(caches.folder.file("sweep")), programVersion: "test",
      parallel: Parallel(threadCount: 1)
    ).run(.fresh, observer)
    for run in runs { #expect(try bytes(ofFile: run.folder.metricsFile).isEmpty) }
  }

  /// More heads than files may be open.
  @Test func aSweepTakesNoOpenFilesForItsHeads() throws {
    let seeds = (0..<60).map(String.init).joined(separator: ",")
    let arguments = sweepArguments("sweep", ["--seeds", seeds, "--num-workers", "1"])
    let result = try Program(path: "/bin/sh").run(
      ["-c", "ulimit -n 48 && exec \"$@\"", "sh", program.path] + arguments)
    #expect(result.status == 0, "\(result.diagnostics)")
    #expect(result.output.contains("60"))
  }
}
