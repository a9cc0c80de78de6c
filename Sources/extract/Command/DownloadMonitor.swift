import Commands
import Files
import ModelHub
import Reporting

/// Turns what the download of a model tells into progress on stderr, in millions of bytes.
final class DownloadMonitor {
  private let work: WorkAtHand
  private var shown = 0

  /// Rounded up, so that the end is the total.
  private static func units(_ byteCount: Int) -> Int { (byteCount + 999_999) / 1_000_000 }

  init(style: Progress.Style) { work = WorkAtHand(style: style) }

  func receive(_ event: DownloadEvent) {
    switch event {
    case .started(let name, let byteCount, let alreadyDone):
      shown = Self.units(alreadyDone)
      work.begin(
        "Downloading \(name)", unit: "MB", total: byteCount.map(Self.units), alreadyDone: shown)
    case .reached(let byteCount):
      let reached = Self.units(byteCount)
      guard reached != shown else { return }
      work.advance(to: reached)
      shown = reached
    case .notice(let text):
      work.note(text)
    case .finished:
      close()
    }
  }

  /// Ends a line that is still open.
  func close() { work.end() }
}

extension ModelLocator {
  /// Finds a checkpoint, with progress on stderr.
  static func locate(_ name: String, style: Progress.Style) throws -> LocatedModel {
    let monitor = DownloadMonitor(style: style)
    defer { monitor.close() }
    let locator = ModelLocator(
      userAgent: "patchbank/\(Program.version)", onEvent: monitor.receive,
      checkStop: {
        guard Interruption.isRequested else { return }
        throw InterruptedError("stopped while the model was downloaded; run the same command again to go on")
      })
    return try locator.locate(name)
  }
}
