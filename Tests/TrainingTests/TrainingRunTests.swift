import CKernels
import Compute
import Evaluation
import Files
import Foundation
import Heads
import Reading
import Reporting
import Tensors
import TestSupport
import Testing
import TokenStore
import Training

@Suite struct TrainingRunTests {
  private let caches: SampleCaches

  init() throws { caches = try SampleCaches() }

  private func configuration(
    _ head: HeadDescription = HeadDescription(
      features: .abmilp, abmilp: AbMILPDescription(depth: 2, condition: .positionEmbedding)),
    epochs: Int = 6, batchSize: Int = 16, accumulation: Int = 1, peak: Double = 0.05,
    optimizer: OptimizerDescription.Algorithm = .adamw, products: MatrixProducts = .float32
  ) -> TrainingConfiguration {
    TrainingConfiguration(
      head: head, optimizer: OptimizerDescription(optimizer, momentum: 0.9, weightDecay: 0),
      schedule: LearningRateSchedule(peak: peak, minimum: 0, warmupEpochs: 1, epochs: Double(epochs)),
      epochs: epochs, batchSize: batchSize, accumulation: accumulation, products: products, seed: 3)
  }

  private func run(
    _ configuration: TrainingConfiguration, to name: String, start: TrainingRun.Start = .fresh,
    threads: Int = 2,
    train: String? = nil, validation: String? = nil, stoppingAfterBatches limit: Int = .max
  ) throws -> Outcome {
    var batches = 0
    var observer = TrainingRun.Observer()
    observer.onBatch = { _ in batches += 1 }
    observer.shouldStop = { batches >= limit }
    switch try planned(configuration, to: name, threads: threads, train: train, validation: validation)
      .run(start, observer)
    {
    case .finished(let results): return .finished(try results[0].summary())
    case .interrupted: return .interrupted
    }
  }

  private func planned(
    _ configuration: TrainingConfiguration, to name: String, threads: Int = 2, train: String? = nil,
    validation: String? = nil
  ) throws -> TrainingRun {
    let folder = RunFolder(caches.folder.file(name))
    return TrainingRun(
      [PlannedRun(configuration, folder)],
      DataSources(train: [train ?? caches.train], validation: [validation ?? caches.validation]),
      folder: folder, programVersion: "test",
      parallel: Parallel(threadCount: threads))
  }

  /// Of a run of one head.
  private enum Outcome {
    case finished(RunSummary)
    case interrupted
  }

  private func headBytes(_ name: String) throws -> [UInt8] {
    try bytes(ofFile: RunFolder(caches.folder.file(name)).headFile)
  }

  /// The records without what the clock says.
  private func records(_ name: String) throws -> [EpochRecord] {
    try JSONLines.read(RunFolder(caches.folder.file(name)).metricsFile, as: EpochRecord.self).map { record in
      var record = record
      record.seconds = 0
      record.imagesPerSecond = 0
      return record
    }
  }

  @Test func whatAKilledRunWasWritingIsRemoved() throws {
    try caches.folder.write([1], to: "killed/checkpoint.safetensors.0123456789abcdef.partial")
    _ = try run(configuration(epochs: 1), to: "killed")
    #expect(try Folder.fileNames(caches.folder.file("killed")).allSatisfy { !$0.hasSuffix(".partial") })
  }

  @Test func aHeadLearnsWhatItsTokensTell() throws {
    guard case .finished(let summary) = try run(configuration(epochs: 20), to: "run") else {
      Issue.record("the run did not finish")
      return
    }
    #expect(summary.train.images == 68 && summary.train.skippedRows == 2)
    #expect(summary.validation.images == 28)
    #expect(summary.final.validation.top1 > 0.6, "three classes, of which one patch in six tells")
    #expect(summary.best.validation.top1 >= summary.final.validation.top1)
    #expect(summary.final.validation.top5 == 1)
    #expect(try records("run").map(\.epoch) == Array(0..<20))
  }

  @Test(arguments: [HeadDescription.Features.cls, .pos, .both, .abmilp, .aim, .cait, .clip], [1, 3])
  func resultsDoNotDependOnThreads(features: HeadDescription.Features, threads: Int) throws {
    let head = HeadDescription(
      features: features, abmilp: features == .abmilp ? AbMILPDescription() : nil,
      attentive: features.attentiveDescription(settings: [.heads: 2]))
    for products in MatrixProducts.allCases {
      let configuration = configuration(head, epochs: 2, products: products)
      let (two, other) = ("two-\(products)", "other-\(products)")
      _ = try run(configuration, to: two, threads: 2)
      _ = try run(configuration, to: other, threads: threads)
      #expect(try headBytes(two) == headBytes(other))
      #expect(try records(two) == records(other))
    }
    #expect(try headBytes("two-float32") != headBytes("two-bfloat16"))
  }

  @Test(arguments: [0, 1, 3, 4, 5, 9, 12, 23])
  func aStoppedRunGoesOnToTheSameResult(batches: Int) throws {
    try stopAndGoOn(configuration(accumulation: 2), after: batches)
  }

  /// The pooling's own batch norm is a part of what a run goes on with.
  @Test func aStoppedRunOfAIMGoesOnToTheSameResult() throws {
    let aim = HeadDescription(
      features: .aim, attentive: AttentiveDescription(queryCount: 2, headCount: 4))
    try stopAndGoOn(configuration(aim), after: 9)
  }

  @Test func aStoppedRunOfRoundedOperandsGoesOnToTheSameResult() throws {
    try stopAndGoOn(configuration(products: .bfloat16), after: 9)
  }

  private func stopAndGoOn(_ configuration: TrainingConfiguration, after batches: Int) throws {
    _ = try run(configuration, to: "whole")
    guard case .interrupted = try run(configuration, to: "parts", stoppingAfterBatches: batches) else {
      Issue.record("the run was not stopped")
      return
    }
    guard case .finished = try run(configuration, to: "parts", start: .resume) else {
      Issue.record("the run did not finish")
      return
    }
    #expect(try headBytes("whole") == headBytes("parts"))
    #expect(try records("whole") == records("parts"))
  }

  @Test func aLineWithoutItsCheckpointIsWrittenAnew() throws {
    _ = try run(configuration(), to: "whole")
    _ = try run(configuration(), to: "parts", stoppingAfterBatches: 9)
    let metrics = RunFolder(caches.folder.file("parts")).metricsFile
    let text = try String(contentsOfFile: metrics, encoding: .utf8)
    // As a process leaves it that is killed between the line and the checkpoint, and in the middle of the next line.
    try (text + text.split(separator: "\n")[0] + "\n{\"epoch\":3,\"lear").write(
      toFile: metrics, atomically: false, encoding: .utf8)
    _ = try run(configuration(), to: "parts", start: .resume)
    #expect(try records("whole") == records("parts"))
  }

  @Test func earlierRunsAreNotLostByAccident() throws {
    _ = try run(configuration(epochs: 2), to: "run")
    let before = try headBytes("run")
    let error = try #require(throws: InputError.self) { try run(configuration(epochs: 2), to: "run") }
    #expect(error.remedy?.contains("--overwrite") == true)
    try FileManager.default.removeItem(atPath: RunFolder(caches.folder.file("run")).checkpointFile(track: 0))
    #expect(throws: InputError.self) { try run(configuration(epochs: 2), to: "run", start: .resume) }
    #expect(try headBytes("run") == before)
    _ = try run(configuration(epochs: 3), to: "run", start: .overwrite)
    #expect(try records("run").count == 3)
  }

  @Test func runsWithOtherSettingsAreNotGoneOnWith() throws {
    _ = try run(configuration(), to: "run", stoppingAfterBatches: 9)
    var observer = TrainingRun.Observer()
    observer.onStart = { _, _ in Issue.record("started before the settings were compared") }
    let error = try #require(throws: InputError.self) {
      try planned(configuration(epochs: 7, batchSize: 8), to: "run").run(.resume, observer)
    }
    #expect(error.reason.contains("epochs was 6, is 7"))
    #expect(error.reason.contains("batch_size was 16, is 8"))
    let rounded = try #require(throws: InputError.self) {
      try run(configuration(products: .bfloat16), to: "run", start: .resume)
    }
    #expect(rounded.reason.contains("amp was none, is bfloat16"))
    try caches.write("other", rowCount: 40)
    let other = try #require(throws: InputError.self) {
      try run(configuration(), to: "run", start: .resume, train: caches.folder.file("other"))
    }
    #expect(other.reason.contains("training cache"))
  }

  @Test func damagedCheckpointsAreRefused() throws {
    _ = try run(configuration(), to: "run", stoppingAfterBatches: 9)
    let path = RunFolder(caches.folder.file("run")).checkpointFile(track: 0)
    let good = try bytes(ofFile: path)
    for damaged in [
      [], Array(good.prefix(good.count / 2)), Array("{}".utf8), [UInt8](repeating: 255, count: 99),
    ] {
      try Data(damaged).write(to: URL(fileURLWithPath: path))
      #expect(throws: InputError.self) { try run(configuration(), to: "run", start: .resume) }
    }
    #expect(throws: InputError.self) {
      try FileManager.default.removeItem(atPath: path)
      try FileManager.default.copyItem(atPath: Fixtures.path("heads/heads.safetensors"), toPath: path)
      _ = try run(configuration(), to: "run", start: .resume)
    }
  }

  /// Numbers that no run has, of which sums would overflow, and what another version wrote.
  @Test(arguments: [
    ("\"epochs\":6,\"members\"", "\"epochs\":9223372036854775807,\"members\"", "epochs are done"),
    ("\"epochs\":6,\"members\"", "\"epochs\":-1,\"members\"", "epochs are done"),
    ("\"epochs\":6,\"members\"", "\"epochs\":7,\"members\"", "7 of 6 epochs"),
    ("\"steps\":24", "\"steps\":25", "25 of at most 24 steps"),
    ("\"steps\":24", "\"steps\":-1", "-1 of at most 24 steps"),
    ("\"members\"", "\"heads\"", "was written by another version"),
  ])
  func checkpointsWithImpossibleCountsAreRefused(good: String, bad: String, reason: String) throws {
    _ = try run(configuration(), to: "run")
    let path = RunFolder(caches.folder.file("run")).checkpointFile(track: 0)
    let file = try Safetensors.read(path)
    let metadata = file.metadata.mapValues { $0.replacing(good, with: bad) }
    #expect(metadata != file.metadata, "\(file.metadata)")
    try Safetensors.write(file.tensors, metadata: metadata, to: path)
    let error = #expect(throws: InputError.self) { try run(configuration(), to: "run", start: .resume) }
    #expect(error?.reason.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test func aRunTellsWhichInstructionsTrainedIt() throws {
    _ = try run(configuration(), to: "run", stoppingAfterBatches: 9)
    let path = RunFolder(caches.folder.file("run")).checkpointFile(track: 0)
    let file = try Safetensors.read(path)
    let own = String(cString: pb_cpu_level_name(pb_cpu_process_level()))
    let metadata = file.metadata.mapValues { $0.replacing("[\"\(own)\"]", with: "[\"other\"]") }
    try Safetensors.write(file.tensors, metadata: metadata, to: path)
    var notes: [String] = []
    var observer = TrainingRun.Observer()
    observer.onNote = { notes.append($0) }
    guard case .finished(let results) = try planned(configuration(), to: "run").run(.resume, observer) else {
      Issue.record("the run did not finish")
      return
    }
    #expect(try results[0].summary().cpuLevels == ["other", own])
    // A run that is done is not gone on with.
    _ = try planned(configuration(), to: "run").run(.resume, observer)
    #expect(notes.count == 1 && notes[0].contains("\(own) kernels what other kernels began"), "\(notes)")
  }

  @Test func twoRunsDoNotShareAFolder() throws {
    var refusals: [String] = []
    var observer = TrainingRun.Observer()
    observer.onEpoch = { _ in
      let error = #expect(throws: InputError.self) { try run(configuration(), to: "run", start: .resume) }
      if let error { refusals.append(error.reason) }
    }
    _ = try planned(configuration(epochs: 1), to: "run", threads: 1).run(.fresh, observer)
    #expect(refusals == ["is in use by another run"])
  }

  static let heads = [
    HeadDescription(features: .cls), HeadDescription(features: .pos), HeadDescription(features: .both),
    HeadDescription(features: .abmilp, abmilp: AbMILPDescription(depth: 1, content: .patch)),
    HeadDescription(features: .abmilp, abmilp: AbMILPDescription(depth: 1, condition: .positionEmbedding)),
    HeadDescription(features: .abmilp, abmilp: AbMILPDescription(depth: 3)),
  ]

  /// Random tokens of size 1 in 8 bits are off by about 1 %: losses are close to those of tokens in 16 bits. Several
  /// blocks are stored, of which heads see the last.
  @Test(arguments: heads)
  func everyHeadLearnsFromTokensIn8Bits(head: HeadDescription) throws {
    for (name, rowCount) in [("train", 70), ("val", 30)] {
      try caches.write(name + "8", rowCount: rowCount, as: name) {
        $0.blocks = [0, 1]
        let scales = (0..<SampleCaches.width).map { Float($0 + 1) / 4 }
        $0.precision = .init(compute: .float32, tokens: .int8, channelScales: [scales.reversed(), scales])
      }
    }
    let (train, validation) = (caches.folder.file("train8"), caches.folder.file("val8"))
    guard case .finished(let expected) = try run(configuration(head), to: "run"),
      case .finished(let summary) = try run(
        configuration(head), to: "run8", train: train, validation: validation)
    else {
      Issue.record("a run did not finish")
      return
    }
    #expect(abs(summary.final.trainLoss / expected.final.trainLoss - 1) < 0.03)
    #expect(abs(summary.final.validation.loss / expected.final.validation.loss - 1) < 0.03)
    _ = try run(configuration(head), to: "one", threads: 1, train: train, validation: validation)
    #expect(try headBytes("one") == headBytes("run8"))
    let trained = try TrainedHead(RunFolder(caches.folder.file("run8")), parallel: Parallel(threadCount: 2))
    let tokens = try trained.data(paths: [validation])
    #expect(
      try trained.measure(on: tokens, folder: caches.folder.path).metrics == summary.final.validation)
  }

  @Test func cachesThatDoNotGoTogetherAreRefused() throws {
    try caches.write("other", rowCount: 30) {
      $0.checkpoint.sha256 = String(repeating: "d", count: 64)
      $0.preprocessing.resize = 6
    }
    let error = try #require(throws: InputError.self) {
      try run(configuration(), to: "run", validation: caches.folder.file("other"))
    }
    #expect(error.reason.contains("checkpoint.sha256") && error.reason.contains("preprocessing.resize"))
  }

  /// The same checkpoint's tokens, of the same sizes: neither training nor measuring takes them for the head's.
  static let otherEncoders: [(name: String, change: @Sendable (inout CacheConfiguration) -> Void)] = [
    ("does not store block 1, but 0", { $0.blocks = [0] }),
    ("model.attention_temperature is 2, not absent", { $0.model.attentionTemperature = 2 }),
    ("precision.compute is 'bfloat16', not 'float32'", { $0.precision.compute = .bfloat16 }),
    ("preprocessing.crop is 5, not 6", { $0.preprocessing.crop = 5 }),
    ("checkpoint.key is 'ema', not absent", { $0.checkpoint.key = "ema" }),
    ("class_names is [", { $0.dataset.classNames[1] = "cow" }),
  ]

  @Test(arguments: otherEncoders.indices)
  func tokensOfOtherSettingsAreRefused(index: Int) throws {
    let (name, change) = Self.otherEncoders[index]
    try caches.write("other", rowCount: 30, as: "val", change: change)
    let other = caches.folder.file("other")
    let training = #expect(throws: InputError.self) {
      try run(configuration(epochs: 1), to: "never", validation: other)
    }
    #expect(training?.reason.contains(name) == true, "\(training?.description ?? "")")
    _ = try run(configuration(epochs: 1), to: "run")
    let trained = try TrainedHead(RunFolder(caches.folder.file("run")), parallel: Parallel(threadCount: 1))
    let measuring = #expect(throws: InputError.self) { try trained.data(paths: [other]) }
    #expect(measuring?.reason.contains(name) == true, "\(measuring?.description ?? "")")
  }

  @Test func whatTokensAreStoredAsIsNoOtherEncoder() throws {
    try caches.write("other", rowCount: 30, as: "val") {
      $0.precision.tokens = .bfloat16
      $0.blocks = [0, 1]
      $0.checkpoint.fileName = "renamed.pth"
      $0.checkpoint.source = "https://host/renamed.pth"
      $0.model.name = "alias"
      $0.programVersion = "later"
      $0.dataset.split = "other"
    }
    let other = caches.folder.file("other")
    _ = try run(configuration(epochs: 1), to: "run", validation: other)
    _ = try TrainedHead(RunFolder(caches.folder.file("run")), parallel: Parallel(threadCount: 1))
      .data(paths: [other])
  }

  /// As versions wrote it that took all views of each image, in a full shuffle, and did not say so.
  @Test func aConfigurationWithoutDataIsRead() throws {
    let text = try CanonicalJSON.text(configuration())
    let start = try #require(text.range(of: "\"data\":{"))
    let end = try #require(text[start.upperBound...].range(of: "},"))
    let older = text.replacingCharacters(in: start.lowerBound..<end.upperBound, with: "")
    let read = try CanonicalJSON.decode(TrainingConfiguration.self, from: older.utf8, subject: "")
    #expect(read.data == .unrecorded && read.data.usesAllViews)
    #expect(
      try CanonicalJSON.decode(TrainingConfiguration.self, from: text.utf8, subject: "") == configuration())
  }

  /// As versions wrote it that did not record the encoder's settings: what is there is checked.
  @Test func aSummaryWithoutEncoderSettingsIsRead() throws {
    _ = try run(configuration(epochs: 1), to: "run")
    let folder = RunFolder(caches.folder.file("run"))
    var summary = try folder.readSummary()
    summary.encoderSettings = nil
    try folder.writeSummary(summary)
    #expect(!(try String(contentsOfFile: folder.summaryFile, encoding: .utf8)).contains("encoder_settings"))
    let trained = try TrainedHead(folder, parallel: Parallel(threadCount: 1))
    _ = try trained.data(paths: [caches.validation])
    try caches.write("other", rowCount: 30) { $0.checkpoint.sha256 = String(repeating: "d", count: 64) }
    let error = #expect(throws: InputError.self) {
      try trained.data(paths: [caches.folder.file("other")])
    }
    #expect(error?.reason.contains("checkpoint.sha256 is 'dddd") == true, "\(error?.description ?? "")")
  }

  @Test func cachesWithoutTokensOrLabelsAreRefused() throws {
    try caches.write("statistics", rowCount: 30) { $0.blocks = [] }
    #expect(throws: InputError.self) { try LabelledTokens(TokenCache(caches.folder.file("statistics"))) }
    let error = try #require(throws: InputError.self) {
      try run(configuration(), to: "run", validation: caches.folder.file("statistics"))
    }
    #expect(error.reason == "holds statistics only, no tokens")
    try caches.write("unlabelled", rowCount: 30, unlabelled: Set(0..<30))
    #expect(throws: InputError.self) { try LabelledTokens(TokenCache(caches.folder.file("unlabelled"))) }
  }

  @Test func headsLearnFromOneViewAnEpochOrAllAndAreMeasuredOnTheCentre() throws {
    let (centered, random) = (caches.folder.file("centered"), caches.folder.file("random"))
    try caches.write("centered", rowCount: 90, views: 3, undecodable: [3, 4, 5], unlabelled: []) {
      $0.augmentation = .init(name: "linprobe", views: 3, seed: 0, hasCenterView: true)
    }
    for (allViews, images) in [(true, 87), (false, 29)] {
      var configuration = configuration()
      configuration.data.usesAllViews = allViews
      guard case .finished(let summary) = try run(configuration, to: "run\(images)", train: centered) else {
        Issue.record("the run did not finish")
        return
      }
      #expect(summary.train.images == images && summary.validation.images == 28)
      #expect(summary.configuration.data.usesAllViews == allViews)
    }

    try caches.write("random", rowCount: 30) { $0.augmentation = .init(name: "linprobe", views: 1, seed: 0) }
    let error = try #require(throws: InputError.self) {
      try run(configuration(), to: "other", validation: random)
    }
    #expect(error.subject == random && error.remedy?.contains("--center-view") == true)
  }

  @Test func impossibleSettingsAreRefused() throws {
    for bad in [configuration(batchSize: 69), configuration(batchSize: 1), configuration(accumulation: 5)] {
      let error = try #require(throws: InputError.self) { try run(bad, to: "run") }
      #expect(error.subject.contains("--batch-size"))
    }
    let overflow = try #require(throws: InputError.self) {
      try run(configuration(peak: 1e30, optimizer: .sgd), to: "run")
    }
    #expect(overflow.remedy?.contains("--blr") == true)
  }

  @Test func aTrainedHeadMeasuresTheSameAgain() throws {
    // A batch that is no multiple of the products' chunks.
    guard case .finished(let summary) = try run(configuration(batchSize: 23), to: "run") else {
      Issue.record("the run did not finish")
      return
    }
    let trained = try TrainedHead(RunFolder(caches.folder.file("run")), parallel: Parallel(threadCount: 3))
    let tokens = try trained.data(paths: [caches.validation])
    #expect(
      try trained.measure(on: tokens, folder: caches.folder.path).metrics == summary.final.validation)
    try caches.write("other", rowCount: 30) { $0.dataset.classNames = ["a", "b", "c"] }
    #expect(throws: InputError.self) { try trained.data(paths: [caches.folder.file("other")]) }
  }

  @Test(arguments: [
    ("\"depth\" : 2", "\"depth\" : 2000000000"), ("\"depth\" : 2", "\"depth\" : 3"),
    ("Count\" : 1,\n      \"width\" : 8", "Count\" : 1,\n      \"width\" : -8"),
    ("Count\" : 1,\n      \"width\" : 8", "Count\" : 1,\n      \"width\" : 65536"),
    ("\"gridHeight\" : 3", "\"gridHeight\" : 9000000000"), ("\"batch_size\" : 16", "\"batch_size\" : 0"),
    ("\"features\" : \"abmilp\"", "\"features\" : \"cls\""), ("{", "["),
    ("\"self_attention\" : \"none\"", "\"self_attention\" : \"map\""),
    ("\"content\" : \"all\"", "\"content\" : \"patch\""), ("\"gridWidth\" : 2", "\"gridWidth\" : 4096"),
  ])
  func damagedSummariesAreRefused(good: String, bad: String) throws {
    try refuse(configuration(epochs: 1), good, bad)
  }

  @Test(arguments: [
    ("\"heads\" : 2", "\"heads\" : 3"), ("\"heads\" : 2", "\"heads\" : -2"),
    ("\"heads\" : 2", "\"heads\" : 2000000000000"), ("\"queries\" : 3", "\"queries\" : 65536"),
    ("\"queries\" : 3", "\"queries\" : 0"), ("\"head_width\" : 4", "\"head_width\" : 60000"),
    ("\"head_width\" : 4", "\"width\" : 4"), ("\"content\" : \"patch\"", "\"content\" : \"some\""),
    ("\"features\" : \"coca\"", "\"features\" : \"aim\""),
    ("\"features\" : \"coca\"", "\"features\" : \"raw\""), ("\"attentive\"", "\"attention\""),
  ])
  func damagedSummariesOfAttentiveHeadsAreRefused(good: String, bad: String) throws {
    let coca = HeadDescription(
      features: .coca, attentive: AttentiveDescription(queryCount: 3, headCount: 2, headWidth: 4))
    try refuse(configuration(coca, epochs: 1), good, bad)
  }

  /// That a run's head is not taken once something in its summary is replaced.
  private func refuse(_ configuration: TrainingConfiguration, _ good: String, _ bad: String) throws {
    _ = try run(configuration, to: "run")
    let folder = RunFolder(caches.folder.file("run"))
    let text = try String(contentsOfFile: folder.summaryFile, encoding: .utf8)
    #expect(text.contains(good), "the summary is written otherwise than this test thinks")
    try text.replacing(good, with: bad, maxReplacements: 1).write(
      toFile: folder.summaryFile, atomically: false, encoding: .utf8)
    #expect(throws: InputError.self) { try TrainedHead(folder, parallel: Parallel(threadCount: 1)) }
  }
}
