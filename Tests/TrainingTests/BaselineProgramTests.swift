import Foundation
import Tensors
import TestSupport
import Testing

/// `probe knn`, `ridge` and `logistic`, and the files of `probe eval`, run as a user runs them.
@Suite struct BaselineProgramTests {
  private let program = Program("probe")
  private let caches: SampleCaches

  init() throws { caches = try SampleCaches() }

  private func run(_ command: String, _ more: [String] = []) throws -> [String: Any] {
    let result = try program.run(
      [command, "--train", caches.train, "--val", caches.validation, "--cls_features", "pos", "--json"] + more
    )
    #expect(result.status == 0, "\(result.diagnostics)")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
  }

  private func lines(_ file: String) throws -> [String] {
    try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").map { String($0) }
  }

  @Test func neighboursVoteForEachNumberAndTemperature() throws {
    let result = try run("knn", ["--k", "1,5,1000", "--temperature", "0.07,1"])
    let results = try #require(result["results"] as? [[String: Any]])
    #expect(results.compactMap { $0["neighbours"] as? Int } == [1, 1, 5, 5, 68, 68])
    #expect(results.allSatisfy { ($0["top1"] as? Double ?? 0) > 0.4 })
  }

  /// One document on stdout, whatever is said besides, and with -q nothing is.
  @Test(arguments: ["knn", "ridge", "logistic"]) func progressIsShownUnlessItIsNotWanted(
    command: String
  ) throws {
    let arguments = [command, "--train", caches.train, "--val", caches.validation, "--json"]
    let quiet = try program.run(arguments + ["--quiet"])
    #expect(quiet.status == 0 && quiet.diagnostics.isEmpty, "\(quiet.diagnostics)")
    let told = try program.run(arguments)
    #expect(told.output == quiet.output)
    _ = try JSONSerialization.jsonObject(with: Data(told.output.utf8))
    let lines = told.diagnostics.split(separator: "\n")
    #expect(lines.count == 2 && lines[0].hasPrefix("features: 96 of 96 images in "), "\(told.diagnostics)")
    // Of 68 training images 7 choose the penalty; those that are left, then all are fitted.
    let expected = [
      "knn": "neighbours: 28 of 28 images in ", "ridge": "fitting: 129 of 129 images in ",
      "logistic": "fitting: ",
    ]
    #expect(lines[1].hasPrefix(expected[command]!), "\(told.diagnostics)")
  }

  @Test func neighboursPredictionsAreWritten() throws {
    let file = caches.folder.file("neighbours.csv")
    _ = try run("knn", ["--k", "5", "--predictions", file])
    let lines = try lines(file)
    #expect(lines[0] == "row,id,label,prediction,label_rank,confidence")
    #expect(lines.count == 1 + 28)
  }

  @Test(arguments: [("ridge", 5), ("logistic", 6)])
  func regressionsChooseAPenalty(command: String, columns: Int) throws {
    let file = caches.folder.file("predictions.csv")
    let result = try run(command, ["--penalties", "0.001,0.1,10", "--predictions", file])
    let candidates = try #require(result["candidates"] as? [[String: Any]])
    #expect(candidates.compactMap { $0["penalty"] as? Double } == [10, 0.1, 0.001])
    let penalty = try #require(result["penalty"] as? Double)
    #expect([10, 0.1, 0.001].contains(penalty))
    let validation = try #require(result["validation"] as? [String: Any])
    #expect((validation["top1"] as? Double ?? 0) > 0.5)
    // What ridge regression says is no probability.
    #expect((validation["loss"] != nil) == (command == "logistic"))
    let lines = try lines(file)
    #expect(lines.count == 1 + 28)
    #expect(lines.allSatisfy { $0.split(separator: ",", omittingEmptySubsequences: false).count == columns })
    // The same rows count as right in the file.
    let ranks = lines.dropFirst().map { $0.split(separator: ",")[4] }
    let right = Double(ranks.count { $0 == "0" })
    #expect(validation["top1"] as? Double == right / 28)
  }

  @Test func aSinglePenaltyNeedsNoChoice() throws {
    let result = try run("ridge", ["--penalties", "0.1"])
    #expect((result["candidates"] as? [Any])?.isEmpty == true)
    #expect(result["penalty"] as? Double == 0.1)
  }

  @Test(
    arguments: [
      (["knn", "--k", "0"], 64), (["knn", "--k", "1,,2"], 64), (["knn", "--temperature", "-1"], 64),
      (["knn", "--k", "1,2", "--predictions", "file"], 64), (["ridge", "--penalties", "0"], 64),
      (["logistic", "--penalties", "nan"], 64), (["ridge", "--cls-features", "abmilp"], 64),
      (["ridge", "--balanced"], 64), (["knn", "--all-views"], 64),
      (["logistic", "--shuffle", "blocks"], 64), (["logistic"], 1),
    ] as [([String], Int32)])
  func exitStatusesTellWhatIsWrong(arguments: [String], status: Int32) throws {
    let result = try program.run(arguments + ["--train", "/no/a", "--val", "/no/b"])
    #expect(result.status == status, "\(result.diagnostics)")
  }

  @Test func evalWritesConfusionAndConfidence() throws {
    let run = caches.folder.file("run")
    let trained = try program.run([
      "train", "--train", caches.train, "--val", caches.validation, "--output-dir", run, "--epochs", "2",
      "--batch-size", "16", "--warmup-epochs", "0", "-q",
    ])
    #expect(trained.status == 0, "\(trained.diagnostics)")
    let (confusion, predictions) = (
      caches.folder.file("confusion.csv"), caches.folder.file("predictions.csv")
    )
    let logits = caches.folder.file("logits.safetensors")
    let measured = try program.run([
      "eval", run, "--data", caches.validation, "--confusion", confusion, "--predictions", predictions,
      "--logits", logits,
    ])
    #expect(measured.status == 0, "\(measured.diagnostics)")
    #expect(measured.output.contains("calibration error %"))
    let table = try lines(confusion).map { $0.split(separator: ",").map { String($0) } }
    #expect(table[0] == ["label", "cat", "dog", "eel"])
    #expect(table.dropFirst().map { $0[0] } == ["cat", "dog", "eel"])
    let counts = table.dropFirst().flatMap { $0.dropFirst() }.compactMap { Int($0) }
    #expect(counts.count == 9 && counts.reduce(0, +) == 28)
    let cells = try lines(predictions).dropFirst().map { $0.split(separator: ",") }
    let confidences = cells.compactMap { Double($0[5]) }
    #expect(confidences.count == 28)
    let third: Double = 0.333
    #expect(confidences.allSatisfy { $0 > third && $0 <= 1 })

    let tensors = try Safetensors.read(logits).tensors
    let scores = try #require(tensors["logits"])
    #expect(scores.shape == [28, 3] && tensors["rows"]?.shape == [28])
    let rows = tensors["rows"]!.withBytes { bytes in
      (0..<28).map { Int(bytes.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
    }
    #expect(rows == cells.compactMap { Int($0[0]) })
    let values = scores.floats()
    let best = (0..<28).map { row in (0..<3).max { values[3 * row + $0] < values[3 * row + $1] }! }
    #expect(best.map { ["cat", "dog", "eel"][$0] } == cells.map { String($0[3]) })

    // Where one of the files cannot be written, none is.
    let refused = try program.run([
      "eval", run, "--data", caches.validation, "--confusion", caches.folder.file("no/such.csv"),
      "--predictions", caches.folder.file("new.csv"),
    ])
    #expect(refused.status == 1 && refused.diagnostics.contains("no/such.csv"), "\(refused.diagnostics)")
    #expect(!refused.diagnostics.contains("features:"))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: caches.folder.path).allSatisfy { name in
        !name.hasPrefix("new.csv")
      })
  }
}
