import Foundation
import Synchronization

/// A terminal without a screen, for programs that behave otherwise on one.
public final class PseudoTerminal: Sendable {
  private let controller: Int32
  /// The end that programs write to; closed here once they have it.
  let program: FileHandle
  private let bytes = Mutex<[UInt8]>([])
  private let isAtEnd = DispatchSemaphore(value: 0)

  public struct Failure: Error { let number = errno }

  public init(columns: Int, rows: Int) throws {
    var (controller, program) = (Int32(-1), Int32(-1))
    var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    guard openpty(&controller, &program, nil, nil, &size) == 0 else { throw Failure() }
    self.controller = controller
    self.program = FileHandle(fileDescriptor: program, closeOnDealloc: true)
    Thread { [self] in read() }.start()
  }

  deinit { close(controller) }

  public func resize(columns: Int, rows: Int) throws {
    var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    guard ioctl(controller, UInt(TIOCSWINSZ), &size) == 0 else { throw Failure() }
  }

  /// What has been written so far.
  public var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }

  /// Waits until no program has it open any more.
  public func wholeText() -> String {
    isAtEnd.wait()
    return text
  }

  private func read() {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = Foundation.read(controller, &buffer, buffer.count)
      // Linux says so with an error.
      guard count > 0 else { break }
      bytes.withLock { $0 += buffer[..<count] }
    }
    isAtEnd.signal()
  }
}
