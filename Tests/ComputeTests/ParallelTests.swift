import Compute
import Foundation
import Synchronization
import Testing

struct ParallelTests {
  struct Failure: Error, Equatable {
    let index: Int
  }

  @Test(arguments: [1, 2, 3, 7, 16], [0, 1, 2, 5, 100, 1000])
  func everyIndexIsVisitedOnce(threadCount: Int, count: Int) throws {
    let visits = SharedBuffer<Int>(count: count)
    let strayWorkers = Atomic(0)
    try Parallel(threadCount: threadCount).forEach(count) { index, worker in
      visits.pointer[index] += 1
      if !(0..<threadCount).contains(worker) { strayWorkers.wrappingAdd(1, ordering: .relaxed) }
    }
    #expect(visits.array == [Int](repeating: 1, count: count))
    #expect(strayWorkers.load(ordering: .relaxed) == 0)
  }

  @Test(arguments: [1, 2, 4])
  func anErrorIsRethrownAndStopsTheRest(threadCount: Int) {
    let visits = Atomic(0)
    #expect(throws: Failure(index: 10)) {
      try Parallel(threadCount: threadCount).forEach(1_000_000) { index, _ in
        if index == 10 { throw Failure(index: index) }
        visits.wrappingAdd(1, ordering: .relaxed)
      }
    }
    #expect(visits.load(ordering: .relaxed) < 1_000_000)
  }

  @Test(arguments: [1, 2, 5])
  func ofSeveralErrorsTheFirstIndexsIsRethrown(threadCount: Int) {
    let parallel = Parallel(threadCount: threadCount)
    for _ in 0..<20 {
      // The third index fails last.
      #expect(throws: Failure(index: 2)) {
        try parallel.forEach(64) { index, _ in
          if index == 2 { usleep(2000) }
          if index >= 2 { throw Failure(index: index) }
        }
      }
      #expect(throws: Failure(index: 2)) {
        try parallel.map(64) { (index) throws(Failure) -> Int in
          if index == 2 { usleep(2000) }
          guard index < 2 else { throw Failure(index: index) }
          return index
        }
      }
    }
  }

  @Test(arguments: [1, 2, 3, 16], [0, 1, 2, 100, 1000])
  func resultsAreInTheOrderOfTheIndices(threadCount: Int, count: Int) {
    let results = Parallel(threadCount: threadCount).map(count) { "\($0)" }
    #expect(results == (0..<count).map { "\($0)" })
  }

  @Test(arguments: [(0, 5), (1, 5), (5, 5), (6, 5), (999, 10), (1000, 10)])
  func chunksCoverTheRangeInOrder(count: Int, length: Int) throws {
    let chunkCount = (count + length - 1) / length
    let starts = SharedBuffer<Int>(count: chunkCount)
    let ends = SharedBuffer<Int>(count: chunkCount)
    try Parallel(threadCount: 3).forEachChunk(of: count, length: length) { chunk, range, _ in
      starts.pointer[chunk] = range.lowerBound
      ends.pointer[chunk] = range.upperBound
    }
    #expect(starts.array == (0..<chunkCount).map { $0 * length })
    #expect(ends.array == (0..<chunkCount).map { min(count, ($0 + 1) * length) })
  }

  @Test func chunkedSumsAreTheSameForAnyThreadCount() throws {
    var generator = SeededGenerator(seed: 1)
    let values = SharedBuffer((0..<100_000).map { _ in Float(generator.normal()) })
    let sums = try (1...6).map { threadCount in
      let partial = SharedBuffer<Float>(count: 100)
      try Parallel(threadCount: threadCount).forEachChunk(of: values.count, length: 1000) { chunk, range, _ in
        partial.pointer[chunk] = range.reduce(0) { $0 + values.pointer[$1] }
      }
      return partial.array.reduce(0, +)
    }
    #expect(Set(sums.map(\.bitPattern)).count == 1)
  }

  @Test func everyWorkerKeepsOneValue() throws {
    final class Counter {
      var count = 0
    }
    let parallel = Parallel(threadCount: 3)
    let made = Atomic(0)
    let counters = PerWorker<Counter>(parallel) {
      made.wrappingAdd(1, ordering: .relaxed)
      return Counter()
    }
    for _ in 0..<2 {
      try parallel.forEach(500) { _, worker in try counters.value(worker).count += 1 }
    }
    #expect((1...3).contains(made.load(ordering: .relaxed)))
    let total = try (0..<3).reduce(0) { try $0 + counters.value($1).count }
    #expect(total == 1000)
  }

  @Test func aWorkerValueThatCannotBeMadeIsAnError() {
    let parallel = Parallel(threadCount: 2)
    let values = PerWorker<Int>(parallel) { throw Failure(index: -1) }
    #expect(throws: Failure(index: -1)) {
      try parallel.forEach(10) { _, worker in _ = try values.value(worker) }
    }
  }

  @Test func thereIsAProcessorToRunOn() {
    #expect(Parallel.availableProcessors >= 1)
    #expect(Parallel().threadCount == Parallel.availableProcessors)
  }
}
