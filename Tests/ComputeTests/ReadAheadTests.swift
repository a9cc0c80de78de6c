import Compute
import Foundation
import Synchronization
import Testing

@Suite struct ReadAheadTests {
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
}
