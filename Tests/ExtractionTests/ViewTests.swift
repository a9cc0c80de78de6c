import Compute
import Extraction
import Files
import Images
import Synchronization
import TestSupport
import Testing
import TokenStore

/// Caches of several views of each image.
@Suite struct ViewTests {
  private let augmentation: Augmentation

  init() throws { augmentation = try Augmentation(.linprobe, viewCount: 3, seed: 6, hasCenterView: true) }

  @Test func rowsAreTheViewsOfOneImageAfterTheOther() throws {
    let sample = try Sample(imageCount: 5, broken: ["dog/99.jpg"])
    let plan = try sample.plan(augmentation: augmentation)
    try sample.extract(plan, to: sample.cache)
    let cache = try TokenCache(sample.cache)
    #expect(cache.rowCount == 18)
    #expect(cache.configuration.dataset.imageCount == 6)
    #expect(
      cache.configuration.augmentation
        == .init(name: "linprobe", views: 3, seed: 6, hasCenterView: true))

    let workspace = plan.encoder.makeWorkspace()
    let preprocessor = Preprocessor(plan.preprocessing)
    let pixels = SharedBuffer<Float>(count: plan.preprocessing.valueCount)
    for (image, entry) in plan.dataset.entries.enumerated() {
      for view in 0..<3 {
        let row = image * 3 + view
        let identity = RowIdentity(
          id: entry.id, label: entry.label, sourceIndex: UInt64(image), viewIndex: UInt16(view))
        #expect(cache.identity(row: row) == identity)
        #expect(cache.labels[row] == entry.label)
        guard !entry.id.hasSuffix("99.jpg") else {
          #expect(cache.rowStates[row] == .undecodable)
          continue
        }
        let decoded = try plan.dataset.content(of: entry).decoded()
        preprocessor.apply(
          decoded,
          view: augmentation.view(
            view, ofImage: UInt64(image), height: decoded.height, width: decoded.width), into: pixels.pointer)
        let output = plan.encoder.encode(pixels: pixels.pointer, blocks: [1], workspace: workspace)
        #expect(Array(cache.magnitudes(row: row)) == output.magnitudes.array, "row \(row)")
      }
    }
  }

  @Test func viewsOfAnImageDiffer() throws {
    let sample = try Sample(imageCount: 4)
    try sample.extract(try sample.plan(augmentation: augmentation), to: sample.cache)
    let cache = try TokenCache(sample.cache)
    #expect(Set((0..<12).map { Array(cache.tokens(row: $0).bytes) }).count == 12)
    // View 0 is the row of a cache without augmentation.
    let plain = sample.folder.file("plain")
    try sample.extract(try sample.plan(), to: plain)
    let centers = try TokenCache(plain)
    for image in 0..<4 {
      #expect(Array(cache.tokens(row: image * 3).bytes) == Array(centers.tokens(row: image).bytes))
    }
  }

  @Test(arguments: [1, 3])
  func bytesDoNotDependOnThreads(threads: Int) throws {
    let sample = try Sample(imageCount: 6)
    let plan = try sample.plan(augmentation: augmentation)
    try sample.extract(plan, to: sample.cache, threads: 2)
    try sample.extract(plan, to: sample.folder.file("other"), threads: threads)
    #expect(try contents(of: sample.cache) == contents(of: sample.folder.file("other")))
  }

  /// Shards of five rows, so that shards end between two views of an image.
  @Test(arguments: [0, 1, 2, 3, 4, 5, 7, 9, 14])
  func aRunStoppedBetweenTwoViewsMakesOnlyTheMissingOnes(limit: Int) throws {
    let sample = try Sample(imageCount: 5, broken: ["cat/0.jpg"])
    let plan = try sample.plan(augmentation: augmentation)
    try sample.extract(plan, to: sample.folder.file("whole"))

    let first = Mutex<[Int]>([])
    let second = Mutex<[Int]>([])
    let stopped = try Extraction(plan, folder: sample.cache, parallel: Parallel(threadCount: 1)).run(
      onEvent: { event in first.withLock { $0 += event.writtenRows } },
      shouldStop: { first.withLock { $0.count } >= limit })
    guard case .interrupted(let kept) = stopped else {
      Issue.record("the run was not stopped")
      return
    }
    let firstRows = first.withLock { $0 }
    #expect(kept == firstRows.count)
    let finished = try Extraction(plan, folder: sample.cache, parallel: Parallel(threadCount: 2)).run(
      onEvent: { event in second.withLock { $0 += event.writtenRows } })
    guard case .finished(let manifest) = finished else {
      Issue.record("the run did not finish")
      return
    }
    let secondRows = second.withLock { $0 }
    #expect((firstRows + secondRows).sorted() == Array(0..<manifest.rowCount))
    #expect(try contents(of: sample.cache) == contents(of: sample.folder.file("whole")))
  }

  @Test func anImageThatCannotBeDecodedIsToldOfOnceAndLosesAllItsViews() throws {
    let sample = try Sample(imageCount: 4, broken: ["eel/b.jpg"])
    let plan = try sample.plan(shardSize: 100, augmentation: augmentation)
    let told = Mutex(0)
    let outcome = try Extraction(plan, folder: sample.cache, parallel: Parallel(threadCount: 2)).run(
      onEvent: { event in
        if case .undecodable(let rows, _) = event {
          #expect(rows.count == 3)
          told.withLock { $0 += 1 }
        }
      })
    guard case .finished(let manifest) = outcome else {
      Issue.record("the run did not finish")
      return
    }
    #expect(told.withLock { $0 } == 1)
    #expect(manifest.undecodableRowCount == 3)
  }

  @Test func otherViewsAreOtherSettings() throws {
    let sample = try Sample(imageCount: 3)
    try sample.extract(try sample.plan(augmentation: augmentation), to: sample.cache)
    let before = try contents(of: sample.cache)
    let others = try Augmentation(.linprobe, viewCount: 3, seed: 7)
    let error = try #require(throws: InputError.self) {
      try sample.extract(try sample.plan(augmentation: others), to: sample.cache)
    }
    #expect(error.description.contains("augmentation.seed is 7, not 6"))
    #expect(error.description.contains("augmentation.center_view is false, not true"))
    #expect(try contents(of: sample.cache) == before)
  }
}

extension Extraction.Event {
  /// The rows that this run wrote, whatever they hold.
  fileprivate var writtenRows: [Int] {
    switch self {
    case .kept, .notice: []
    case .written(let row): [row]
    case .undecodable(let rows, _): Array(rows)
    }
  }
}
