import Commands
import Files
import ModelHub
import Reporting

/// Turns what the download of a model tells into progress on stderr, in millions of bytes.
final class DownloadMonitor {
  private let style: Progress.Style
  private var progress: Progress?
  private var shown = 0

  /// Rounded up, so that the end is the total.
  private static func units(_ byteCount: Int) -> Int { (byteCount + 999_999) / 1_000_000 }

  init(style: Progress.Style) { self.style = style }

  func receive(_ event: DownloadEvent) {
    switch event {
    case .started(let name, let byteCount, let alreadyDone):
      shown = Self.units(alreadyDone)
      progress = Progress(
        "Downloading \(name)", unit: "MB", total: byteCount.map(Self.units), alreadyDone: shown, style: style)
    case .reached(let byteCount):
      let reached = Self.units(byteCount)
      guard reached != shown else { return }
      progress?.advance(by: reached - shown)
      shown = reached
    case .notice(let text):
      if let progress { progress.note(text) } else { StandardError.write(text.printable + "\n") }
    case .finished:
      close()
    }
  }

  /// Ends a line that is still open.
  func close() {
    progress?.finish()
    progress = nil
  }
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
