import Compute
import Foundation
import TestSupport
import Testing
import TokenStore

/// The program `extract`, run as a user runs it.
@Suite struct ProgramTests {
  private let program = Program("extract")

  private func arguments(_ sample: Sample, _ more: [String] = []) throws -> [String] {
    try TinyEncoder.write(to: sample.checkpoint)
      + ["--data-path", sample.folder.file("images"), "--split", "train", "--output-dir", sample.cache] + more
  }

  @Test func tokensStatsInspectAndVerifyWorkTogether() throws {
    let sample = try Sample(broken: ["cat/broken.jpg"])
    let tokens = try program.run(["tokens"] + arguments(sample, ["--shard_size", "4", "--json"]))
    #expect(tokens.status == 0, "\(tokens.diagnostics)")
    #expect(tokens.diagnostics.contains("broken.jpg"))
    let result = try #require(
      try JSONSerialization.jsonObject(with: Data(tokens.output.utf8)) as? [String: Any])
    #expect(result["images"] as? Int == 15)
    #expect(result["undecodable"] as? Int == 1)

    let table = try program.run(["stats", sample.cache])
    #expect(table.status == 0)
    #expect(table.output.contains("cls_pos_entropy"))
    let csv = try program.run(["stats", sample.cache, "--format", "csv"])
    #expect(csv.output.split(separator: "\n").count == 1 + TinyEncoder.depth)
    let inspection = try program.run(["inspect", sample.cache])
    #expect(inspection.output.contains("17 x 24 float16"))
    #expect(inspection.output.contains("cat/broken.jpg"))
    let verification = try program.run(["verify", sample.cache])
    #expect(verification.status == 0, "\(verification.output)")

    let again = try program.run(["tokens"] + arguments(sample, ["--shard-size", "4"]))
    #expect(again.status == 0)
    #expect(again.output.contains("nothing was left to encode"))
  }

  /// A model of the hub is in the cache under its repository and commit, which mean the same bytes everywhere.
  @Test func aNamedCheckpointIsRecordedByItsName() throws {
    let sample = try Sample(imageCount: 3)
    let arguments = try arguments(sample)
    let commit = String(repeating: "0a", count: 20)
    let repository = "hub/models--lab--tiny"
    try sample.folder.write(Array(commit.utf8), to: "\(repository)/refs/main")
    try sample.folder.write(
      bytes(ofFile: sample.checkpoint), to: "\(repository)/snapshots/\(commit)/model.safetensors")
    let environment = ["HF_HUB_CACHE": sample.folder.file("hub"), "HF_HUB_OFFLINE": "1"]
    let named = arguments.map { $0 == sample.checkpoint ? "hf-hub:lab/tiny" : $0 }
    let tokens = try program.run(named, environment: environment)
    #expect(tokens.status == 0, "\(tokens.diagnostics)")
    #expect(
      tokens.diagnostics.contains("hf-hub:lab/tiny: found in the Hugging Face cache, at commit \(commit)"))
    let source = "hf-hub:lab/tiny@\(commit)"
    #expect(try CacheManifest.read(sample.cache).configuration.checkpoint.source == source)
    #expect(try program.run(["inspect", sample.cache]).output.contains(source))

    let other = try program.run(arguments)
    #expect(other.status == 1)
    #expect(other.diagnostics.contains("checkpoint.source is"), "\(other.diagnostics)")
    let missing = try program.run(
      arguments.map { $0 == sample.checkpoint ? "vit_base_patch16_224.mae" : $0 }, environment: environment)
    #expect(missing.status == 1)
    #expect(missing.diagnostics.contains("HF_HUB_OFFLINE forbids to download it"), "\(missing.diagnostics)")
  }

  @Test func statisticsOfSeveralCachesArePagesFiguresAndTables() throws {
    let sample = try Sample(imageCount: 4)
    #expect(try program.run(try arguments(sample)).status == 0)
    let other = sample.folder.file("other")
    try FileManager.default.copyItem(atPath: sample.cache, toPath: other)
    let page = try program.run([
      "stats", sample.cache, other, "--format", "html", "--figures", sample.folder.file("f"),
    ])
    #expect(page.status == 0, "\(page.diagnostics)")
    #expect(page.output.hasPrefix("<!DOCTYPE html>"))
    let csv = try program.run(["stats", sample.cache, other, "--name", "A", "--name", "B", "--format", "csv"])
    #expect(
      csv.output.split(separator: "\n").map { $0.prefix(2) }.dropFirst() == [
        "A,", "A,", "B,", "B,",
      ])
    let json = try program.run(["stats", sample.cache, other, "--format", "json"])
    let parsed = try #require(
      try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [[String: Any]])
    #expect(parsed.count == 2 && parsed[1]["cache"] as? String == "other")
    let files = try FileManager.default.contentsOfDirectory(atPath: sample.folder.file("f"))
    #expect(files.contains("cls_pos_entropy.svg") && files.contains("cls_pos_entropy.png"))
    #expect(try program.run(["stats", sample.cache, other, "--name", "A"]).status == 64)
  }

  @Test func aCacheIsExplored() throws {
    let sample = try Sample(imageCount: 6)
    #expect(try program.run(try arguments(sample)).status == 0)
    let page = sample.folder.file("page.html")
    let explored = try program.run([
      "explore", sample.cache, "--data_path", sample.folder.file("images"), "-o", page, "--samples", "3",
      "-q",
    ])
    #expect(explored.status == 0 && explored.diagnostics.isEmpty, "\(explored.diagnostics)")
    let html = try String(contentsOfFile: page, encoding: .utf8)
    #expect(html.components(separatedBy: "data:image/jpeg").count == 4)
    #expect(try program.run(["explore", sample.cache]).status == 64)
    #expect(try program.run(["explore", "/no/such/cache", "-o", page]).status == 1)
  }

  @Test func aProfileTellsOfEveryStage() throws {
    let sample = try Sample(imageCount: 6)
    let tokens = try program.run(try arguments(sample, ["--profile", "--quiet"]))
    #expect(tokens.status == 0, "\(tokens.diagnostics)")
    let shares = tokens.diagnostics.split(separator: "\n").dropFirst(2).map { line in
      line.split(separator: "  ").map { $0.trimmingCharacters(in: .whitespaces) }
    }
    #expect(shares.count == 11)
    let percent = try shares.map { try #require(Double($0[2])) }
    #expect(percent.last == 100)
    #expect(abs(percent.dropLast().reduce(0, +) - 100) < 1)
    // The tokens are those of a run that nobody timed.
    let plain = try Sample(imageCount: 6)
    #expect(try program.run(try arguments(plain)).status == 0)
    #expect(
      try bytes(ofFile: sample.cache + "/shard-00000.h5") == bytes(ofFile: plain.cache + "/shard-00000.h5"))
  }

  /// What is lost is told of, and what is whole is counted, where the manifest is gone.
  @Test func damageAndRescueAreTold() throws {
    let sample = try Sample(imageCount: 9)
    let arguments = try arguments(sample, ["--shard-size", "4"])
    #expect(try program.run(arguments).status == 0)
    let manifest = try CacheManifest.read(sample.cache)
    let path = sample.cache + "/shard-00001.h5"
    var damaged = try bytes(ofFile: path)
    damaged[try #require(manifest.shards[1].datasets["tokens"]).offset] ^= 1
    try Data(damaged).write(to: URL(fileURLWithPath: path))
    try FileManager.default.removeItem(atPath: sample.cache + "/manifest.json")

    let again = try program.run(arguments + ["--json"])
    #expect(again.status == 0, "\(again.diagnostics)")
    #expect(again.diagnostics.contains("shard-00001.h5 is damaged and is made again"), "\(again.diagnostics)")
    let result = try #require(
      try JSONSerialization.jsonObject(with: Data(again.output.utf8)) as? [String: Any])
    #expect(result["encoded"] as? Int == 4)
    #expect(result["rows"] as? Int == 9)
    #expect(try CacheManifest.read(sample.cache) == manifest)
  }

  @Test func anUnknownLevelIsRefused() throws {
    let result = try program.run(["inspect", "nothing"], environment: ["PATCHBANK_CPU": "AVX2"])
    #expect(result.status == 64)
    #expect(result.diagnostics.contains("PATCHBANK_CPU must be baseline, avx2"), "\(result.diagnostics)")
  }

  /// Each has its own rounding, and settings of one are not gone on with in another.
  @Test func precisionsAreKeptApart() throws {
    let sample = try Sample(imageCount: 4)
    for engine in ["onednn", "openblas"] {
      let cache = sample.folder.file(engine)
      let tokens = try program.run(
        try arguments(sample, ["--amp", "bfloat16", "--engine", engine]).map {
          $0 == sample.cache ? cache : $0
        })
      #expect(tokens.status == 0, "\(tokens.diagnostics)")
      #expect(try CacheManifest.read(cache).configuration.precision.compute == .bfloat16)
    }
    #expect(try program.run(try arguments(sample)).status == 0)
    let other = try program.run(try arguments(sample, ["--amp", "bfloat16"]))
    #expect(other.status == 1)
    #expect(
      other.diagnostics.contains("precision.compute is 'bfloat16', not 'float32'"), "\(other.diagnostics)")
    let warm = try program.run(try arguments(sample, ["--attn-temperature", "2"]))
    #expect(
      warm.diagnostics.contains("model.attention_temperature is 2, not absent"), "\(warm.diagnostics)")
    #expect(try program.run(try arguments(sample, ["--attn-temperature", "0"])).status == 1)
  }

  @Test func viewsAreCountedApartFromImages() throws {
    let sample = try Sample(imageCount: 4, broken: ["cat/broken.jpg"])
    let arguments = try arguments(
      sample, ["--views", "3", "--augmentation", "linprobe", "--seed", "5", "--center_view"])
    let tokens = try program.run(arguments + ["--json"])
    #expect(tokens.status == 0, "\(tokens.diagnostics)")
    #expect(tokens.diagnostics.components(separatedBy: "broken.jpg").count == 2, "\(tokens.diagnostics)")
    let result = try #require(
      try JSONSerialization.jsonObject(with: Data(tokens.output.utf8)) as? [String: Any])
    #expect(result["images"] as? Int == 5)
    #expect(result["views"] as? Int == 3)
    #expect(result["undecodable"] as? Int == 3)
    #expect(result["encoded"] as? Int == 12)
    let again = try program.run(arguments)
    #expect(again.output.contains("15 views of 5 images"), "\(again.output)")
    #expect(again.output.contains("3 views could not be decoded"), "\(again.output)")
    let inspection = try program.run(["inspect", sample.cache])
    #expect(inspection.output.contains("5, 3 undecodable views"), "\(inspection.output)")
    #expect(inspection.output.contains("3 an image: linprobe, seed 5, view 0 the centre crop"))
    #expect(inspection.output.components(separatedBy: "broken.jpg").count == 2)
    #expect(try program.run(["verify", sample.cache]).status == 0)
  }

  @Test func verifyNamesTheDamagedRow() throws {
    let sample = try Sample()
    _ = try program.run(arguments(sample, ["-q"]))
    let path = sample.cache + "/shard-00000.h5"
    var shard = try bytes(ofFile: path)
    let manifest = try String(contentsOfFile: sample.cache + "/manifest.json", encoding: .utf8)
    #expect(manifest.contains("\"tokens\""))
    shard[shard.count / 3] ^= 4
    try Data(shard).write(to: URL(fileURLWithPath: path))
    let verification = try program.run(["verify", sample.cache])
    #expect(verification.status == 1)
    #expect(verification.output.contains("shard-00000.h5"))
    #expect(verification.diagnostics.contains("verifying: 14 of 14 rows"), "\(verification.diagnostics)")

    let structured = try program.run(["verify", sample.cache, "--json", "--quiet"])
    #expect(structured.status == 1 && structured.diagnostics.split(separator: "\n").count == 1)
    let result = try object(structured.output)
    #expect(result["good"] as? Bool == false && result["rows"] as? Int == 14)
    let problems = try #require(result["problems"] as? [[String: Any]])
    #expect(problems.allSatisfy { $0["file"] as? String == "shard-00000.h5" && $0["reason"] is String })
    let lines = verification.output.split(separator: "\n")
    #expect(lines.count == problems.count + ((result["damaged_rows"] as? [Any])?.count ?? 0))
  }

  /// One document on stdout, and with -q nothing beside it.
  @Test func resultsAreReadByPrograms() throws {
    let sample = try Sample(imageCount: 4)
    let commands = [
      ["tokens"] + (try arguments(sample, ["--json", "-q"])), ["verify", sample.cache, "--json", "-q"],
      ["inspect", sample.cache, "--json"], ["stats", sample.cache, "--format", "json"],
      ["audit", sample.checkpoint, "--num-heads", "3", "--json", "-q"],
    ]
    for command in commands {
      let result = try program.run(command)
      #expect(result.status == 0 && result.diagnostics.isEmpty, "\(command[0]): \(result.diagnostics)")
      _ = try object(result.output)
    }
  }

  @Test func aResultThatCannotBeWrittenIsAnError() throws {
    let sample = try Sample(imageCount: 4)
    _ = try program.run(arguments(sample, ["-q"]))
    for command in ["inspect", "verify"] {
      let full = try Program(path: "/bin/sh").run(
        ["-c", "exec \"$@\" > /dev/full", "sh", program.path, command, sample.cache])
      #expect(
        full.status == 1 && full.diagnostics.contains("standard output: cannot write"), "\(full.diagnostics)")
    }
    // A reader that has seen enough is no error.
    let closed = try Program(path: "/bin/bash").run(
      ["-c", "\"$@\" | true; exit ${PIPESTATUS[0]}", "bash", program.path, "inspect", sample.cache])
    #expect(closed.status == 0, "\(closed.diagnostics)")
  }

  private func object(_ text: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  @Test(
    arguments: [
      (["tokens", "--no-such-option"], 64), (["tokens", "--data-path", "x"], 64), (["--help"], 0),
      (["--finetune", "x", "--data-path", "x", "-o", "x", "--limit", "1", "--fraction", "0.5"], 64),
      (["--finetune", "x", "--data-path", "x", "-o", "x", "--limit", "0"], 64),
      (["--finetune", "x", "--data-path", "x", "-o", "x", "--fraction", "1.5"], 64),
      (["--finetune", "x", "--data-path", "x", "-o", "x", "--data-format", "hdf5"], 64),
      (["--version"], 0), (["stats", "/no/such/cache"], 1), (["inspect", "/no/such/cache"], 1),
      (["verify", "/no/such/cache"], 1),
      (["--finetune", "a", "--data-path", "b", "--output-dir", "c", "--views", "2"], 64),
      (["--finetune", "a", "--data-path", "b", "--output-dir", "c", "--center-view"], 64),
      (["--finetune", "/no/such/file", "--data-path", "/no/such/folder", "--output-dir", "/tmp/never"], 1),
      (["--finetune", "a", "--data-path", "b", "--output-dir", "c", "--blocks", "1;2"], 64),
      (["--finetune", "a", "--data-path", "b", "--output-dir", "c", "--token-dtype", "int4"], 64),
      (["--finetune", "a", "--data-path", "b", "--output-dir", "c", "--stats-only", "--blocks", "-1"], 64),
      (
        [
          "--finetune", "a", "--data-path", "b", "--output-dir", "c", "--stats-only", "--token-dtype", "int8",
        ], 64
      ),
    ] as [([String], Int32)])
  func exitStatusesTellWhatIsWrong(arguments: [String], status: Int32) throws {
    let result = try program.run(arguments)
    #expect(result.status == status, "\(result.diagnostics)")
    #expect(result.signal == nil)
    if status == 1 { #expect(result.diagnostics.split(separator: "\n").count == 1, "\(result.diagnostics)") }
  }

  @Test func whatIsStoredIsChosenByOptions() throws {
    let sample = try Sample(imageCount: 6)
    let quantized = try program.run(arguments(sample, ["--blocks", "-2..-1", "--token-dtype", "int8"]))
    #expect(quantized.status == 0, "\(quantized.diagnostics)")
    #expect(quantized.diagnostics.contains("scales of the tokens' channels on 6 images"))
    let inspection = try program.run(["inspect", sample.cache])
    #expect(inspection.output.contains("17 x 24 int8") && inspection.output.contains("0, 1, before"))
    let again = try program.run(arguments(sample, ["--blocks", "all", "--token-dtype", "int8"]))
    #expect(again.status == 0 && again.output.contains("nothing was left"), "\(again.diagnostics)")
    #expect(!again.diagnostics.contains("scales of"))

    try FileManager.default.removeItem(atPath: sample.cache)
    let outside = try program.run(arguments(sample, ["--blocks", "2"]))
    #expect(outside.status == 1)
    #expect(outside.diagnostics.contains("--blocks: block 2 does not exist: the model has 2 blocks"))

    #expect(try program.run(arguments(sample, ["--stats-only", "-q"])).status == 0)
    let statistics = try program.run(["inspect", sample.cache])
    #expect(statistics.output.contains("none: statistics only"), "\(statistics.output)")
    #expect(try program.run(["stats", sample.cache]).output.contains("cls_pos_entropy"))
    #expect(try program.run(["verify", sample.cache]).status == 0)
  }

  @Test func controlCStopsBetweenImagesAndSaysHowToGoOn() throws {
    let sample = try Sample(imageCount: 3000)
    let arguments = try arguments(sample, ["--num-workers", "1", "-q", "--shard-size", "1000"])
    let stopped = try program.run(arguments) { process in
      // The partial shard appears when the first image is about to be written.
      while process.isRunning,
        !FileManager.default.fileExists(atPath: sample.cache + "/shard-00000.h5.partial")
      {
        usleep(500)
      }
      process.interrupt()
    }
    #expect(stopped.status == 130)
    #expect(stopped.diagnostics.contains("run the same command again"), "\(stopped.diagnostics)")
    #expect(try program.run(arguments).status == 0)
    #expect(try program.run(["verify", sample.cache]).status == 0)
  }

  @Test func aKilledRunGoesOnToTheSameBytes() throws {
    let sample = try Sample(imageCount: 400, broken: ["eel/broken.jpg"])
    let arguments = try arguments(sample, ["-q", "--shard-size", "64"])
    #expect(try program.run(arguments).status == 0)
    let expected = try contents(of: sample.cache)
    var generator = SeededGenerator(seed: 3)
    for _ in 0..<4 {
      try FileManager.default.removeItem(atPath: sample.cache)
      var killed = 0
      // Killed again and again, each time after another while, then left alone.
      for attempt in 0..<6 {
        let delay = UInt32(generator.bounded(UInt64(20_000 * (attempt + 1))))
        let result = try program.run(arguments) { process in
          usleep(delay)
          kill(process.processIdentifier, SIGKILL)
        }
        if result.signal == SIGKILL { killed += 1 }
      }
      let finished = try program.run(arguments)
      #expect(finished.status == 0, "\(finished.diagnostics)")
      #expect(killed > 0)
      #expect(try contents(of: sample.cache) == expected)
    }
  }
}
