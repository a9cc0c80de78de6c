import Dispatch
import Reporting
import Synchronization
import TestSupport
import Testing

/// A clock that is set by hand, and everything that was written.
private final class Desk: Sendable {
  private let time = Mutex(0.0)
  private let texts = Mutex<[String]>([])

  var written: [String] { texts.withLock { $0 } }
  func wait(_ seconds: Double) { time.withLock { $0 += seconds } }

  func progress(
    _ style: Progress.Style, total: Int? = 100, alreadyDone: Int = 0, interval: Double = 10
  ) -> Progress {
    Progress(
      "Extracting", unit: "images", total: total, alreadyDone: alreadyDone, style: style, interval: interval,
      clock: { self.time.withLock { $0 } }, sink: { text in self.texts.withLock { $0.append(text) } })
  }
}

@Suite struct ProgressTests {
  @Test func plainLinesComeAtTheirInterval() {
    let desk = Desk()
    let progress = desk.progress(.plain)
    for _ in 0..<25 {
      desk.wait(1)
      progress.advance(by: 2)
    }
    #expect(
      desk.written == [
        "Extracting: 20 of 100 images, 20 %, 2.00 images/s, 40 s left\n",
        "Extracting: 40 of 100 images, 40 %, 2.00 images/s, 30 s left\n",
      ])
    progress.finish()
    progress.finish()
    progress.advance()
    #expect(desk.written.count == 3)
    #expect(desk.written.last == "Extracting: 50 of 100 images in 25 s, 2.00 images/s\n")
  }

  @Test func whatAnEarlierRunDidIsNoPartOfTheRate() {
    let desk = Desk()
    let progress = desk.progress(.plain)
    progress.skip(50)
    desk.wait(10)
    progress.advance(by: 20)
    progress.finish()
    #expect(
      desk.written == [
        "Extracting: 70 of 100 images, 70 %, 2.00 images/s, 15 s left\n",
        "Extracting: 70 of 100 images in 10 s, 2.00 images/s\n",
      ])
  }

  @Test func unitsAreCountedOneByOneOrInAll() {
    let desk = Desk()
    let progress = desk.progress(.plain, alreadyDone: 60)
    desk.wait(5)
    progress.advance(by: 10)
    desk.wait(5)
    progress.advance(to: 90, detail: "loss 0.250")
    progress.finish(detail: "val top-1 71.3 %")
    #expect(
      desk.written == [
        "Extracting: 90 of 100 images, 90 %, 3.00 images/s, 3.3 s left, loss 0.250\n",
        "Extracting: 90 of 100 images in 10 s, 3.00 images/s, val top-1 71.3 %\n",
      ])
  }

  @Test func theRateFollowsTheLastHalfMinute() {
    let desk = Desk()
    let progress = desk.progress(.plain, total: 10_000, interval: 200)
    for second in 0..<200 {
      desk.wait(1)
      progress.advance(by: second < 150 ? 1 : 10)
    }
    #expect(desk.written == ["Extracting: 650 of 10000 images, 6 %, 10.0 images/s, 15 min 35 s left\n"])
  }

  @Test func withoutATotalThereIsNoTimeLeft() {
    let desk = Desk()
    let progress = desk.progress(.plain, total: nil)
    desk.wait(10)
    progress.advance(by: 5, detail: "loss 0.25")
    #expect(desk.written == ["Extracting: 5 images, 0.500 images/s, loss 0.25\n"])
  }

  @Test func quietWritesNotesOnly() {
    let desk = Desk()
    let progress = desk.progress(.quiet)
    desk.wait(100)
    progress.advance()
    progress.note("2 images cannot be decoded")
    progress.finish()
    #expect(desk.written == ["2 images cannot be decoded\n"])
  }

  @Test func anEmptyTotalFinishes() {
    let desk = Desk()
    desk.progress(.plain, total: 0).finish()
    #expect(desk.written == ["Extracting: 0 of 0 images in 0.0 s\n"])
  }

  @Test func threadsMayReportAtOnce() {
    let desk = Desk()
    let progress = desk.progress(.plain, total: 4000, interval: 0)
    DispatchQueue.concurrentPerform(iterations: 4) { _ in for _ in 0..<1000 { progress.advance() } }
    desk.wait(2)
    progress.finish()
    #expect(desk.written.last == "Extracting: 4000 of 4000 images in 2.0 s, 2000 images/s\n")
    #expect(desk.written.count == 4001)
  }
}
