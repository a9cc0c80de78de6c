import Files
import Synchronization

/// The progress of pieces of work that follow each other, a line each. Any thread may report.
public final class WorkAtHand: Sendable {
  private let style: Progress.Style
  private let progress = Mutex<Progress?>(nil)

  public init(style: Progress.Style) { self.style = style }

  /// Ends the work before, and begins another: call it before anything of that is done, as the rate is taken from here.
  ///
  /// - Parameters: as ``Progress/init(_:unit:total:alreadyDone:style:interval:details:clock:size:turn:sink:)``.
  public func begin(
    _ doing: String, unit: String = "images", total: Int?, alreadyDone: Int = 0,
    details: @escaping Progress.Details = { _ in [] }
  ) {
    end()
    let next = Progress(
      doing, unit: unit, total: total, alreadyDone: alreadyDone, style: style, details: details)
    progress.withLock { $0 = next }
  }

  /// Counts finished units of the work at hand.
  public func advance(by count: Int = 1, detail: String? = nil) {
    current?.advance(by: count, detail: detail)
  }

  /// Likewise, where it is known how many are finished in all.
  public func advance(to count: Int, detail: String? = nil) { current?.advance(to: count, detail: detail) }

  /// Shows the work at hand before the first unit is finished.
  public func show() { current?.show() }

  /// Tells what the user should know, in every style, whether or not there is work at hand.
  public func note(_ text: String) {
    if let current { current.note(text) } else { StandardError.write(text.printable + "\n") }
  }

  /// Ends the work at hand, where there is some.
  ///
  /// - Parameter detail: what the last line tells beside the count.
  public func end(detail: String? = nil) {
    let last = progress.withLock { progress in
      defer { progress = nil }
      return progress
    }
    last?.finish(detail: detail)
  }

  private var current: Progress? { progress.withLock { $0 } }
}
