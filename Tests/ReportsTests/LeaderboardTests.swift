import Files
import Foundation
import Heads
import Reports
import Testing

@Suite struct LeaderboardTests {
  private func leaderboard(_ runs: [SampleRun]) throws -> Leaderboard {
    try Leaderboard(runs.map(\.reported))
  }

  /// A setting that is better on the validation images only is not the one to choose.
  @Test func heldOutImagesChooseAndValidationImagesRank() throws {
    let board = try leaderboard([
      SampleRun(path: "a", learningRate: 0.1, top1: 0.9, heldOut: 0.5),
      SampleRun(path: "b", learningRate: 1, top1: 0.6, heldOut: 0.7),
      SampleRun(path: "c", head: .abmilp(depth: 1), top1: 0.7, heldOut: 0.1),
    ])
    #expect(board.entries.map(\.head) == ["abmilp depth 1 all", "cls"])
    #expect(board.entries[1].chosen.learningRate == 1 && board.entries[1].score.mean == 0.6)
    #expect(board.entries.map(\.choice) == [.only, .heldOut])
    #expect(board.entries[1].settings.map(\.learningRate) == [0.1, 1])
  }

  @Test func withoutHeldOutImagesTheChoiceIsMarked() throws {
    let board = try leaderboard([
      SampleRun(path: "a", learningRate: 0.1, top1: 0.4), SampleRun(path: "b", learningRate: 1, top1: 0.6),
    ])
    #expect(board.entries.count == 1 && board.entries[0].choice == .validation)
    #expect(board.entries[0].chosen.learningRate == 1)
    #expect(board.table().rows[0].contains("1.0 *"))
    #expect(board.notes.contains { $0.hasPrefix("*") && $0.contains("flatters") })
  }

  @Test func seedsAreAveragedAndTheirSpreadIsTold() throws {
    let board = try leaderboard([
      SampleRun(path: "a", seed: 0, top1: 0.4), SampleRun(path: "b", seed: 1, top1: 0.6),
    ])
    let score = board.entries[0].score
    #expect(abs(score.mean - 0.5) < 1e-12 && abs(score.deviation - 0.02.squareRoot()) < 1e-12)
    #expect(
      board.text.contains("50.0 ± 14.1")
        && board.notes == ["Means over 2 seeds ± their sample standard deviations."])
  }

  @Test func givenUpHeadsCountAndDoNotWin() throws {
    let board = try leaderboard([
      SampleRun(path: "a", learningRate: 1, seed: 0, top1: 0.9, heldOut: 0.9),
      SampleRun(path: "b", learningRate: 1, seed: 1, hasFailed: true),
      SampleRun(path: "c", learningRate: 0.1, seed: 0, top1: 0.3, heldOut: 0.3),
      SampleRun(path: "d", head: .abmilp(depth: 2), hasFailed: true),
    ])
    #expect(board.entries.count == 1 && board.entries[0].chosen.learningRate == 0.1)
    #expect(board.entries[0].failureCount == 1)
    #expect(board.lostHeads == ["abmilp depth 2 all relu"])
    #expect(board.notes.last == "Given up with every setting: abmilp depth 2 all relu.")
  }

  /// What is no setting of a grid makes an entry of its own, which its name tells.
  @Test func runsThatDifferInMoreThanTheGridAreKeptApart() throws {
    let board = try leaderboard([
      SampleRun(path: "a", epochs: 2, top1: 0.2), SampleRun(path: "b", epochs: 4, top1: 0.4),
      SampleRun(path: "c", encoder: "other", epochs: 2, top1: 0.1),
    ])
    #expect(board.entries.map(board.name) == ["vit: cls, epochs 4", "vit: cls, epochs 2", "other: cls"])
    #expect(board.encoders == ["vit", "other"])
  }

  @Test func otherImagesAreNoFairComparison() throws {
    let fair = try leaderboard([
      SampleRun(path: "a"), SampleRun(path: "b", encoder: "other", classNames: ["dog", "cat"]),
    ])
    #expect(fair.isFair && !fair.table().columns.contains(.number("images")))
    let unfair = try leaderboard([SampleRun(path: "a"), SampleRun(path: "b", encoder: "other", images: 11)])
    #expect(!unfair.isFair && unfair.table().columns.contains(.number("images")))
    #expect(unfair.notes.contains { $0.contains("do not compare") })
  }

  /// A copy is no second seed.
  @Test func aRunThatRepeatsAnotherCountsOnce() throws {
    let board = try leaderboard([SampleRun(path: "a"), SampleRun(path: "b"), SampleRun(path: "c", seed: 1)])
    #expect(board.entries[0].score.count == 2 && board.repeatedRuns == ["b"])
    #expect(board.notes.contains("Counted once, as they repeat others: b."))
  }

  @Test func oneLabelAndSeveralDoNotCompare() throws {
    let error = #expect(throws: InputError.self) {
      try leaderboard([SampleRun(path: "a"), SampleRun(path: "b", precision: 0.3)])
    }
    #expect(error?.subject == "b" && error?.remedy == "report them apart")
  }

  /// What differs has a name, whatever setting it is.
  @Test func rowsOfOneHeadAreNamedByWhatDiffers() throws {
    var smooth = SampleRun(path: "a")
    smooth.labelSmoothing = 0.1
    var beside = SampleRun(path: "c")
    (beside.besideCaches, beside.images) = (["there/dino-val"], 11)
    let board = try leaderboard([smooth, SampleRun(path: "b"), beside])
    #expect(
      Set(board.entries.map(\.head)) == [
        "cls, label smoothing 0.1", "cls, label smoothing 0", "cls beside dino-val",
      ])
  }

  @Test func columnsThatTellNothingAreLeftOut() throws {
    let titles = try leaderboard([SampleRun()]).table(withFolders: false).columns.map(\.title)
    #expect(titles == ["#", "head", "parameters", "top-1 %", "top-5 %", "loss", "learning rate"])
  }

  @Test func theCSVHasAllDigits() throws {
    let board = try leaderboard([
      SampleRun(path: "a,b", seed: 0, top1: 1.0 / 3), SampleRun(path: "c", seed: 1, top1: 2.0 / 3),
    ])
    let lines = board.csv.split(separator: "\n").map(String.init)
    let columns = lines[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    #expect(lines.count == 2 && columns.last == "runs")
    #expect(lines[1].hasSuffix(",\"a,b;c\""))
    let cells = lines[1].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    let mean = Double(cells[columns.firstIndex(of: "val_score_mean")!])!
    #expect(abs(mean - 0.5) < 1e-15)
    #expect(cells[columns.firstIndex(of: "val_calibration_error_mean")!] == "0.25")
    #expect(cells[columns.firstIndex(of: "held_out_score_mean")!] == "")
    #expect(cells[columns.firstIndex(of: "training_seconds_mean")!] == "4.0")
  }

  @Test func theJSONNamesEveryRun() throws {
    let board = try leaderboard([
      SampleRun(path: "a", seed: 0), SampleRun(path: "b", seed: 1, top1: 0.7),
    ])
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(CanonicalJSON.text(LeaderboardRecord(board)).utf8))
        as? [String: Any])
    let entry = try #require((object["entries"] as? [[String: Any]])?.first)
    #expect(entry["rank"] as? Int == 1 && entry["choice"] as? String == "only")
    #expect((entry["runs"] as? [[String: Any]])?.compactMap { $0["path"] as? String } == ["a", "b"])
    #expect(((entry["score"] as? [String: Any])?["mean"] as? Double).map { abs($0 - 0.6) < 1e-12 } == true)
  }

  @Test func namesGetNoMoreThanWhatPartsThem() {
    let names = DistinctNames.of([
      ("vit", ["a.pth", "block 11"]), ("vit", ["a.pth", "block 5"]), ("vit", ["b.pth", "block 11"]),
      ("dino", ["a.pth", "block 11"]),
    ])
    #expect(names == ["vit, a.pth, block 11", "vit, a.pth, block 5", "vit, b.pth", "dino"])
  }
}
