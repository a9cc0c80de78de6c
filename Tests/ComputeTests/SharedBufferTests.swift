import Compute
import Testing

struct SharedBufferTests {
  @Test(arguments: [0, 1, 15, 16, 17, 1000])
  func startsAsZeroOnACacheLine(count: Int) {
    let buffer = SharedBuffer<Float>(count: count)
    #expect(buffer.count == count)
    #expect(buffer.array == [Float](repeating: 0, count: count))
    #expect(Int(bitPattern: buffer.pointer).isMultiple(of: 64))
  }

  @Test func holdsACollectionsElements() {
    let buffer = SharedBuffer((0..<20).map { Int32($0 * $0) })
    #expect(buffer.array == (0..<20).map { Int32($0 * $0) })
    buffer[3] = -1
    #expect(buffer[3] == -1)
    #expect(buffer.buffer[3] == -1)
    buffer.fill(7)
    #expect(buffer.array == [Int32](repeating: 7, count: 20))
  }
}
