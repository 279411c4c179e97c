// SPDX-License-Identifier: Apache-2.0

/// How the peer broke the WebSocket protocol (RFC 6455), or ours on top of it.
package enum WebSocketError: Error, Equatable, Sendable {
    case reservedBits
    case unknownOpcode(UInt8)
    /// A client must mask, a server must not.
    case wrongMasking
    case frameTooLarge(limit: Int)
    case messageTooLarge(limit: Int)
    /// A control frame that is fragmented or longer than 125 bytes.
    case badControlFrame
    /// A continuation of nothing, or a new message inside another.
    case badFragment
    /// A length written in more bytes than it needs.
    case badLength
    case badText
    case badClose
    /// Data after the peer's own close frame.
    case afterClose

    /// The status for our close frame, RFC 6455 §7.4.1.
    package var closeCode: UInt16 {
        switch self {
        case .frameTooLarge, .messageTooLarge: 1009
        case .badText: 1007
        case .reservedBits, .unknownOpcode, .wrongMasking, .badControlFrame, .badFragment, .badLength, .badClose,
            .afterClose: 1002
        }
    }

    package var code: String {
        switch self {
        case .reservedBits: "websocket.reserved-bits"
        case .unknownOpcode: "websocket.unknown-opcode"
        case .wrongMasking: "websocket.wrong-masking"
        case .frameTooLarge: "websocket.frame-too-large"
        case .messageTooLarge: "websocket.message-too-large"
        case .badControlFrame: "websocket.bad-control-frame"
        case .badFragment: "websocket.bad-fragment"
        case .badLength: "websocket.bad-length"
        case .badText: "websocket.bad-text"
        case .badClose: "websocket.bad-close"
        case .afterClose: "websocket.after-close"
        }
    }

    package var message: String {
        switch self {
        case .reservedBits: "A frame uses an extension that was not agreed."
        case .unknownOpcode(let opcode): "A frame has the unknown opcode \(opcode)."
        case .wrongMasking: "A frame is masked although it must not be, or the other way round."
        case .frameTooLarge(let limit): "A frame is longer than \(limit) bytes."
        case .messageTooLarge(let limit): "A message is longer than \(limit) bytes."
        case .badControlFrame: "A control frame is fragmented or longer than 125 bytes."
        case .badFragment: "A fragment does not continue a message, or a message starts inside another."
        case .badLength: "A frame's length is not written in its shortest form."
        case .badText: "A text message is not UTF-8."
        case .badClose: "A close frame has no valid status and reason."
        case .afterClose: "A frame came after the close frame."
        }
    }
}
