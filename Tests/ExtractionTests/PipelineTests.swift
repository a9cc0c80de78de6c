import Compute
import Extraction
import Foundation
import Synchronization
import TestSupport
import Testing

/// What runs beside the threads that encode.
struct PipelineTests {
  struct Failure: Error {}

  @Test func readAheadStaysWithinItsDistance() {
    let requested = Mutex<[Int]>([])
    let readAhead = ReadAhead(count: 20, distance: 3) { index in requested.withLock { $0.append(index) } }
    func waitFor(_ count: Int) -> [Int] {
      let deadline = Date().addingTimeInterval(20)
      while requested.withLock({ $0.count }) < count, Date() < deadline { usleep(1000) }
      usleep(20_000)  // long enough for one too many
      return requested.withLock { $0 }
    }
    #expect(waitFor(3) == [0, 1, 2])
    readAhead.advance()
    readAhead.advance()
    #expect(waitFor(5) == Array(0..<5))
    readAhead.stop()
    let stopped = requested.withLock { $0.count }
    readAhead.advance()
    #expect(waitFor(stopped).count == stopped)
  }

  @Test func readAheadEndsWithItsImages() {
    let requested = Mutex<[Int]>([])
    let readAhead = ReadAhead(count: 2, distance: 8) { index in requested.withLock { $0.append(index) } }
    for _ in 0..<2 { readAhead.advance() }
    while requested.withLock({ $0.count }) < 2 { usleep(1000) }
    readAhead.stop()
    #expect(requested.withLock { $0 } == [0, 1])
    ReadAhead(count: 0, distance: 1) { _ in }.stop()
  }

  @Test func stepsFollowEachOther() throws {
    let order = Mutex<[Int]>([])
    let step = BackgroundStep()
    for index in 0..<5 {
      try step.start {
        usleep(2000)
        order.withLock { $0.append(index) }
      }
    }
    try step.wait()
    #expect(order.withLock { $0 } == Array(0..<5))
  }

  @Test func aStepsErrorIsThrownOnce() throws {
    let step = BackgroundStep()
    #expect(!step.hasFailed)
    try step.start { throw Failure() }
    let deadline = Date().addingTimeInterval(20)
    while !step.hasFailed, Date() < deadline { usleep(1000) }
    #expect(step.hasFailed)
    #expect(throws: Failure.self) { try step.start {} }
    #expect(!step.hasFailed)
    try step.wait()
    try step.start { throw Failure() }
    #expect(throws: Failure.self) { try step.wait() }
    try step.wait()
  }
}
