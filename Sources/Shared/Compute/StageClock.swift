import Dispatch

/// Where one thread's time goes, stage by stage. A thread that keeps one writes down each stage as it ends.
public final class StageClock<Stage: CaseIterable & RawRepresentable<Int>> {
  /// Per stage, in the order of the cases, whose raw values count from 0.
  public private(set) var nanoseconds = [UInt64](repeating: 0, count: Stage.allCases.count)
  private var last: UInt64 = 0

  public init() {}

  /// What passes from now on belongs to the stage that is finished next.
  public func start() { last = DispatchTime.now().uptimeNanoseconds }

  public func finish(_ stage: Stage) {
    let now = DispatchTime.now().uptimeNanoseconds
    nanoseconds[stage.rawValue] += now - last
    last = now
  }

  public func seconds(_ stage: Stage) -> Double { Double(nanoseconds[stage.rawValue]) / 1e9 }
}
