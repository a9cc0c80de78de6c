import Extraction
import Foundation
import Synchronization
import TestSupport
import Testing

/// What runs beside the threads that encode.
struct PipelineTests {
  struct Failure: Error {}

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
