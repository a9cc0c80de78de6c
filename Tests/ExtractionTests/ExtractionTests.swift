import Checkpoints
import Compute
import Files
import Foundation
import Images
import Synchronization
import TestSupport
import Testing
import TokenStore
import VisionTransformer

import Extraction

/// A folder with images and a checkpoint, and plans for them.
struct Sample {
  let folder: TemporaryFolder
  let checkpoint: String

  init(imageCount: Int = 14, broken: [String] = []) throws {
    folder = try TemporaryFolder()
    checkpoint = folder.file("encoder.safetensors")
    _ = try TinyEncoder.write(to: checkpoint)
    try SampleImages.write(imageCount, to: folder)
    for name in broken { try SampleImages.writeBroken(name, to: folder) }
  }

  var cache: String { folder.file("cache") }

  func plan(
    _ type: ElementType = .float16, blocks: BlockSelection = .last, shardSize: Int = 5,
    isStrict: Bool = false, cropFraction: Double? = nil, dataset: ImageDataset? = nil,
    augmentation: Augmentation = .none
  ) throws -> ExtractionPlan {
    let loaded = try CheckpointLoader.load(TinyEncoder.request(checkpoint))
    let dataset = try dataset ?? ImageDataset(path: folder.file("images"), split: "train")
    return try ExtractionPlan(
      dataset: dataset, split: dataset.split, checkpoint: loaded,
      preprocessing: try Preprocessing(inputSize: PixelSize(side: 16), cropFraction: cropFraction),
      options: ExtractionOptions(
        blocks: blocks, tokenType: type, shardSize: shardSize, isStrict: isStrict, augmentation: augmentation),
      programVersion: "test")
  }

  @discardableResult
  func extract(
    _ plan: ExtractionPlan, to cache: String, threads: Int = 2, stoppingAfter limit: Int = .max
  ) throws -> Extraction.Outcome {
    let written = Atomic(0)
    return try Extraction(plan, folder: cache, parallel: Parallel(threadCount: threads)).run(
      onEvent: { event in
        if case .written = event { written.add(1, ordering: .relaxed) }
      }, shouldStop: { written.load(ordering: .relaxed) >= limit })
  }
}

@Suite struct ExtractionTests {
  @Test(arguments: [ElementType.float16, .bfloat16, .float32])
  func aCacheHoldsWhatTheEncoderComputes(type: ElementType) throws {
    let sample = try Sample()
    let plan = try sample.plan(type)
    try sample.extract(plan, to: sample.cache)
    let cache = try TokenCache(sample.cache)
    #expect(cache.rowCount == 14)
    #expect(cache.labels == plan.dataset.entries.map(\.label))
    #expect(cache.ids == plan.dataset.entries.map(\.id))

    let workspace = plan.encoder.makeWorkspace()
    let preprocessor = Preprocessor(plan.preprocessing)
    let pixels = SharedBuffer<Float>(count: plan.preprocessing.valueCount)
    for (row, entry) in plan.dataset.entries.enumerated() {
      preprocessor.apply(try plan.dataset.content(of: entry).decoded(), into: pixels.pointer)
      let output = plan.encoder.encode(pixels: pixels.pointer, blocks: [1], workspace: workspace)
      let expected = output.tokens[0].array
      var rounded = [UInt8](repeating: 0, count: expected.count * type.byteCount)
      _ = rounded.withUnsafeMutableBytes {
        type.encode(expected, into: $0.baseAddress!, count: expected.count)
      }
      #expect(Array(cache.tokens(row: row).bytes) == rounded, "tokens of row \(row)")
      #expect(Array(cache.attentionStatistics(row: row)) == output.attentionStatistics.array)
      #expect(Array(cache.magnitudes(row: row)) == output.magnitudes.array)
    }
  }

  @Test(arguments: [1, 3])
  func bytesDoNotDependOnThreads(threads: Int) throws {
    let sample = try Sample()
    let plan = try sample.plan()
    try sample.extract(plan, to: sample.cache, threads: 2)
    try sample.extract(plan, to: sample.folder.file("other"), threads: threads)
    #expect(try contents(of: sample.cache) == contents(of: sample.folder.file("other")))
  }

  @Test(arguments: [0, 1, 4, 5, 6, 10, 11])
  func aStoppedRunGoesOnToTheSameBytes(limit: Int) throws {
    let sample = try Sample(broken: ["dog/99.jpg"])
    let plan = try sample.plan()
    try sample.extract(plan, to: sample.folder.file("whole"))
    let outcome = try sample.extract(plan, to: sample.cache, stoppingAfter: limit)
    guard case .interrupted(let kept) = outcome else {
      Issue.record("the run was not stopped")
      return
    }
    #expect(kept >= limit && kept <= limit + 2)
    guard case .finished = try sample.extract(plan, to: sample.cache) else {
      Issue.record("the run did not finish")
      return
    }
    #expect(try contents(of: sample.cache) == contents(of: sample.folder.file("whole")))
  }

  @Test func imagesThatCannotBeDecodedAreNamedAndTheRunGoesOn() throws {
    let sample = try Sample(imageCount: 6, broken: ["cat/a.jpg", "eel/b.PNG"])
    let plan = try sample.plan()
    let names = Mutex<Set<String>>([])
    let outcome = try Extraction(plan, folder: sample.cache, parallel: Parallel(threadCount: 2)).run(
      onEvent: {
        if case .undecodable(let rows, let error) = $0 {
          #expect(error.reason.contains("WebP"))
          for row in rows { names.withLock { _ = $0.insert(plan.rows[row].id) } }
        }
      })
    guard case .finished(let manifest) = outcome else {
      Issue.record("the run did not finish")
      return
    }
    #expect(manifest.undecodableRowCount == 2)
    #expect(names.withLock { $0 } == ["cat/a.jpg", "eel/b.PNG"])
    let cache = try TokenCache(sample.cache)
    #expect(cache.rowStates.filter { $0 == .undecodable }.count == 2)
  }

  @Test func strictRunsEndAtTheFirstImageThatCannotBeDecoded() throws {
    let sample = try Sample(imageCount: 6, broken: ["cat/a.jpg"])
    let plan = try sample.plan(isStrict: true)
    let error = try #require(throws: InputError.self) { try sample.extract(plan, to: sample.cache) }
    #expect(error.subject.hasSuffix("cat/a.jpg"))
  }

  @Test func aFileThatVanishesEndsTheRunAndItsRowStaysOpen() throws {
    let sample = try Sample(imageCount: 6)
    let plan = try sample.plan()
    let path = sample.folder.file("images/train/" + plan.dataset.entries[3].id)
    let bytes = try bytes(ofFile: path)
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: InputError.self) { try sample.extract(plan, to: sample.cache) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    guard case .finished(let manifest) = try sample.extract(plan, to: sample.cache) else {
      Issue.record("the run did not finish")
      return
    }
    #expect(manifest.undecodableRowCount == 0)
  }

  @Test func cachesMadeForOtherSettingsAreNotMixedWith() throws {
    let sample = try Sample(imageCount: 6)
    try sample.extract(try sample.plan(), to: sample.cache)
    let before = try contents(of: sample.cache)
    let error = try #require(throws: InputError.self) {
      try sample.extract(try sample.plan(.float32, cropFraction: 0.5), to: sample.cache)
    }
    #expect(error.description.contains("precision.tokens"))
    #expect(error.description.contains("preprocessing.resize"))
    #expect(try contents(of: sample.cache) == before)
  }

  @Test func tokensTooLargeForTheirTypeAreRefusedByNameOfTheImage() throws {
    let sample = try Sample(imageCount: 3)
    let loaded = try CheckpointLoader.load(TinyEncoder.request(sample.checkpoint))
    let huge = try Preprocessing(inputSize: PixelSize(side: 16), standardDeviation: [1e-8, 1e-8, 1e-8])
    let plan = try ExtractionPlan(
      dataset: try ImageDataset(path: sample.folder.file("images"), split: "train"), split: "train",
      checkpoint: loaded, preprocessing: huge, options: ExtractionOptions(tokenType: .float16),
      programVersion: "test")
    let error = try #require(throws: InputError.self) { try sample.extract(plan, to: sample.cache) }
    #expect(error.subject.contains(".jpg"))
    #expect(error.remedy?.contains("--token-dtype") == true)
  }
}
