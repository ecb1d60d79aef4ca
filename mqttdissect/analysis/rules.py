"""Every rule there is: what is wrong, what should have been, what usually causes it, and where the standards say so.

Numbers in brackets are the standards' own (OASIS MQTT 3.1.1 and 5.0, appendix B); other places are sections of the MQTT
V3.1 Protocol Specification, of 3.1.1 and of 5.0. Where statements differ by packet or by side, `SHARPER` has them. All
statements are in `statements`. `docs/rules.md` is made of this file.

The names of the malformed ones are those of `mqtt.clauses`, by which a note of the decoder finds its rule.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.analysis.rule import BROKER, CAPTURE, CLIENT, ERROR, NETWORK, NOTE, SENDER, WARNING, Rule

# fmt: off
# Malformed packets: what the decoder notes

RESERVED_TYPE: Final = Rule(
    "reserved-type", ERROR, SENDER, "Reserved control packet type",
    "Types 1 to 14 are control packets, and 15 is AUTH in MQTT 5.0; 0 is reserved, and so is 15 before 5.0.",
    "A sender that lost count of its own bytes, or something on this connection that is not MQTT.",
    "2.1", "2.2.1", "2.1.2",
)
RESERVED_FLAGS: Final = Rule(
    "reserved-flags", ERROR, SENDER, "Wrong flags in the fixed header",
    "The low four bits of the first byte are 0010 in PUBREL, SUBSCRIBE and UNSUBSCRIBE and 0000 in all others but "
    "PUBLISH.",
    "A first byte made by hand, often 0x80, 0xA0 or 0x60 without the 2.",
    "", "[MQTT-2.2.2-1]", "[MQTT-2.1.3-1]",
)
QOS_3: Final = Rule(
    "qos-3", ERROR, SENDER, "Packet with QoS 3",
    "The QoS of a PUBLISH is 0, 1 or 2; MQTT 3.1 has it in PUBREL, SUBSCRIBE and UNSUBSCRIBE too.",
    "QoS bits set one over another instead of replaced, or memory that was not initialised.",
    "2.1", "[MQTT-3.3.1-4]", "[MQTT-3.3.1-4]",
)
BYTES_MISSING: Final = Rule(
    "bytes-missing", ERROR, SENDER, "Packet too short for its fields",
    "The Remaining Length covers every field that the packet has to have.",
    "A Remaining Length computed before all fields were known, or an encoder for another protocol version.",
    "2.1", "2.2.3", "2.1.4",
)
BYTES_LEFT_OVER: Final = Rule(
    "bytes-left-over", ERROR, SENDER, "Bytes behind the last field",
    "The Remaining Length ends with the packet's last field.",
    "A buffer sent with its whole size, or fields of MQTT 5.0 sent on a connection of an older version.",
    "2.1", "2.2.3", "2.1.4",
)
VARINT_TOO_LONG: Final = Rule(
    "varint-too-long", ERROR, SENDER, "Variable byte integer over four bytes",
    "A variable byte integer has one to four bytes, the last one without the continuation bit.",
    "A length over 268,435,455, or bytes that are not MQTT.",
    "2.1", "2.2.3", "1.5.5",
)
VARINT_NOT_MINIMAL: Final = Rule(
    "varint-not-minimal", ERROR, SENDER, "Variable byte integer in more bytes than needed",
    "A variable byte integer takes the fewest bytes that hold its value.",
    "An encoder that reserves a fixed number of bytes for the length and fills it in later.",
    "2.1", "2.2.3", "[MQTT-1.5.5-1]",
)
STRING_TOO_LONG: Final = Rule(
    "string-too-long", ERROR, SENDER, "String runs over the end of the packet",
    "The two-byte length in front of a string or of binary data counts bytes that the packet has.",
    "Length bytes in the wrong order, a field left out in front of it, or a Remaining Length that is too small.",
    "2.5", "1.5.3", "1.5.4",
)
NOT_UTF_8: Final = Rule(
    "not-utf-8", ERROR, SENDER, "String is not UTF-8",
    "Strings are well-formed UTF-8, without surrogates (U+D800 to U+DFFF).",
    "Text in Latin-1 or another code page, a character cut in two, or binary data used as a client identifier.",
    "2.5", "[MQTT-1.5.3-1]", "[MQTT-1.5.4-1]",
)
NUL_IN_STRING: Final = Rule(
    "nul-in-string", ERROR, SENDER, "Null character in a string",
    "A string holds no null character U+0000.",
    "The end mark of a C string counted as part of it.",
    "appendix A", "[MQTT-1.5.3-2]", "[MQTT-1.5.4-2]",
)
PACKET_IDENTIFIER_ZERO: Final = Rule(
    "packet-identifier-zero", ERROR, SENDER, "Packet identifier 0",
    "Packets with a packet identifier have one from 1 to 65535.",
    "A counter that starts at 0, or that wraps from 65535 to 0.",
    "2.4", "[MQTT-2.3.1-1]", "[MQTT-2.2.1-3]",
)
PROTOCOL_NAME: Final = Rule(
    "protocol-name", ERROR, CLIENT, "Wrong protocol name",
    "The protocol name of a CONNECT is MQTT, or MQIsdp in MQTT 3.1, in exactly these letters.",
    "A misspelt name, or the name of one version with the level of another.",
    "3.1", "[MQTT-3.1.2-1]", "[MQTT-3.1.2-1]",
)
PROTOCOL_LEVEL: Final = Rule(
    "protocol-level", WARNING, CLIENT, "Unknown protocol level",
    "The protocol level is 3 (MQTT 3.1), 4 (3.1.1) or 5 (5.0).",
    "A client of a later version, of a draft or of a private dialect.",
    "3.1", "[MQTT-3.1.2-2]", "[MQTT-3.1.2-2]",
)
CONNECT_RESERVED_FLAG: Final = Rule(
    "connect-reserved-flag", ERROR, CLIENT, "Reserved flag of CONNECT set",
    "Bit 0 of the connect flags is 0.",
    "Connect flags shifted by one bit, or memory that was not initialised.",
    "", "[MQTT-3.1.2-3]", "[MQTT-3.1.2-3]",
)
WILL_QOS_3: Final = Rule(
    "will-qos-3", ERROR, CLIENT, "Will with QoS 3",
    "The will QoS is 0, 1 or 2.",
    "Both QoS bits set by an or of flags.",
    "3.1", "[MQTT-3.1.2-14]", "[MQTT-3.1.2-12]",
)
WILL_QOS_WITHOUT_WILL: Final = Rule(
    "will-qos-without-will", ERROR, CLIENT, "Will QoS without a will",
    "Where the will flag is 0, the will QoS is 0.",
    "A client that copies its settings into the flags without asking whether there is a will.",
    "", "[MQTT-3.1.2-13]", "[MQTT-3.1.2-11]",
)
WILL_RETAIN_WITHOUT_WILL: Final = Rule(
    "will-retain-without-will", ERROR, CLIENT, "Will retain without a will",
    "Where the will flag is 0, will retain is 0.",
    "A client that copies its settings into the flags without asking whether there is a will.",
    "", "[MQTT-3.1.2-15]", "[MQTT-3.1.2-13]",
)
PASSWORD_WITHOUT_USER_NAME: Final = Rule(
    "password-without-user-name", ERROR, CLIENT, "Password without a user name",
    "Before MQTT 5.0 a password comes with a user name only.",
    "A token put into the password alone, as only MQTT 5.0 allows.",
    "3.1", "[MQTT-3.1.2-22]", "",
)
CONNACK_RESERVED_FLAGS: Final = Rule(
    "connack-reserved-flags", ERROR, BROKER, "Reserved bits of CONNACK set",
    "Bits 7 to 1 of the connect acknowledge flags are 0.",
    "A return code written one byte too early.",
    "", "3.2.2.1", "[MQTT-3.2.2-1]",
)
TOPIC_EMPTY: Final = Rule(
    "topic-empty", ERROR, SENDER, "Empty topic name or topic filter",
    "Topic names and topic filters have at least one character.",
    "A topic that the application left unset, or a client that uses a topic alias before MQTT 5.0.",
    "appendix A", "[MQTT-4.7.3-1]", "[MQTT-4.7.3-1]",
)
TOPIC_AND_ALIAS_MISSING: Final = Rule(
    "topic-and-alias-missing", ERROR, SENDER, "Neither a topic name nor a topic alias",
    "A PUBLISH with an empty topic name has a topic alias.",
    "A client that leaves the topic out to save bytes but forgets the Topic Alias property.",
    "", "", "3.3.2.1",
)
WILDCARD_IN_TOPIC_NAME: Final = Rule(
    "wildcard-in-topic-name", ERROR, SENDER, "Wildcard in a topic name",
    "The topic of a message or of a will is a name; + and # are for the filters of subscriptions only.",
    "A topic filter used to publish, or a device name with + or # pasted into a topic.",
    "3.3", "[MQTT-3.3.2-2]", "[MQTT-3.3.2-2]",
)
TOPIC_ALIAS_ZERO: Final = Rule(
    "topic-alias-zero", ERROR, SENDER, "Topic alias 0",
    "A topic alias is above 0.",
    "Aliases numbered from 0, like the index of an array.",
    "", "", "[MQTT-3.3.2-8]",
)
SUBSCRIBE_WITHOUT_FILTERS: Final = Rule(
    "subscribe-without-filters", ERROR, CLIENT, "SUBSCRIBE without a topic filter",
    "A SUBSCRIBE has at least one topic filter with its options.",
    "An empty list of topics handed to the client library.",
    "3.8", "[MQTT-3.8.3-3]", "[MQTT-3.8.3-2]",
)
UNSUBSCRIBE_WITHOUT_FILTERS: Final = Rule(
    "unsubscribe-without-filters", ERROR, CLIENT, "UNSUBSCRIBE without a topic filter",
    "An UNSUBSCRIBE has at least one topic filter.",
    "An empty list of topics handed to the client library.",
    "3.10", "[MQTT-3.10.3-2]", "[MQTT-3.10.3-2]",
)
SUBSCRIPTION_RESERVED_BITS: Final = Rule(
    "subscription-reserved-bits", ERROR, CLIENT, "Reserved bits of the subscription options set",
    "The upper bits of the byte behind a topic filter are 0: six before MQTT 5.0, two since.",
    "Subscription options of MQTT 5.0 sent on a connection of an older version.",
    "3.8", "[MQTT-3-8.3-4]", "[MQTT-3.8.3-5]",
)
SUBSCRIPTION_OPTIONS: Final = Rule(
    "subscription-options", ERROR, CLIENT, "Subscription options with a reserved value",
    "The requested QoS is 0, 1 or 2, and so is retain handling in MQTT 5.0.",
    "Options put together by hand, or a return code (0x80) sent back as a QoS.",
    "3.8", "[MQTT-3-8.3-4]", "3.8.3.1",
)
ANSWER_WITHOUT_CODES: Final = Rule(
    "answer-without-codes", ERROR, BROKER, "SUBACK or UNSUBACK without codes",
    "A SUBACK, and in MQTT 5.0 an UNSUBACK, has one code for each topic filter of the request.",
    "A broker that answers an UNSUBSCRIBE of MQTT 5.0 as before 5.0, without a payload.",
    "3.9", "[MQTT-3.8.4-5]", "[MQTT-3.8.4-6]",
)
PROPERTY_LENGTH: Final = Rule(
    "property-length", ERROR, SENDER, "Properties run over the end of the packet",
    "The Property Length counts the bytes of the properties, all of which are in the packet.",
    "A peer of MQTT 3.1.1 behind a level of 5, whose next field is read as the Property Length.",
    "", "", "2.2.2.1",
)
PROPERTY_UNDEFINED: Final = Rule(
    "property-undefined", ERROR, SENDER, "Undefined property",
    "Properties have one of the 27 identifiers that MQTT 5.0 defines.",
    "A wrong Property Length, or a private property where a User Property belongs.",
    "", "", "2.2.2.2",
)
PROPERTY_NOT_ALLOWED: Final = Rule(
    "property-not-allowed", ERROR, SENDER, "Property in the wrong packet",
    "A packet carries only the properties that table 2-4 allows it.",
    "One set of properties used for all packets, or will properties mixed up with those of CONNECT.",
    "", "", "2.2.2.2",
)
PROPERTY_REPEATED: Final = Rule(
    "property-repeated", ERROR, SENDER, "Property more than once",
    "A property occurs once; only User Property repeats, and Subscription Identifier in a PUBLISH of a broker.",
    "A property added by the application and by its library.",
    "", "", "2.2.2.2",
)
PROPERTY_VALUE: Final = Rule(
    "property-value", ERROR, SENDER, "Property with a value that is not allowed",
    "Properties that say yes or no are 0 or 1, and Receive Maximum, Maximum Packet Size and Subscription Identifier "
    "are above 0.",
    "0 meant as `no limit`, where the property has to be left out.",
    "", "", "2.2.2.2",
)
REASON_CODE: Final = Rule(
    "reason-code", ERROR, SENDER, "Reason code that this packet may not have",
    "A packet has one of the reason codes that the standard lists for its type.",
    "A return code of MQTT 3.1.1 in a packet of 5.0, or the code of another packet type.",
    "", "", "2.4",
)
RETURN_CODE: Final = Rule(
    "return-code", ERROR, BROKER, "Undefined return code in CONNACK",
    "The return code of a CONNACK before MQTT 5.0 is one of 0 to 5.",
    "A broker that answers with a reason code of MQTT 5.0.",
    "3.2", "3.2.2.3", "",
)
SUBACK_RETURN_CODE: Final = Rule(
    "suback-return-code", ERROR, BROKER, "Undefined return code in SUBACK",
    "The return codes of a SUBACK before MQTT 5.0 are 0x00, 0x01, 0x02 and, since 3.1.1, 0x80.",
    "A broker that answers with a reason code of MQTT 5.0, such as 0x87.",
    "3.9", "[MQTT-3.9.3-2]", "",
)

# More that one packet shows

DUP_ON_QOS_0: Final = Rule(
    "dup-on-qos-0", ERROR, SENDER, "DUP on QoS 0",
    "DUP is 0 in a PUBLISH of QoS 0, since such a message is never sent again.",
    "A flag byte kept from an earlier message, or a retry layer of the application that sets DUP itself.",
    "2.1", "[MQTT-3.3.1-2]", "[MQTT-3.3.1-2]",
)
WRONG_DIRECTION: Final = Rule(
    "wrong-direction", ERROR, SENDER, "Packet from the wrong side",
    "Each type of control packet is sent by the sides that the standard says: CONNECT, SUBSCRIBE, UNSUBSCRIBE and "
    "PINGREQ by clients, their answers by brokers, DISCONNECT before MQTT 5.0 by clients.",
    "A broker that uses a client's code, or features of MQTT 5.0 on an older connection.",
    "2.1", "2.2.1", "2.1.2",
)
TOPIC_FILTER_INVALID: Final = Rule(
    "topic-filter-invalid", ERROR, CLIENT, "Invalid topic filter",
    "# stands alone in the last level of a topic filter, and + alone in a level.",
    "A wildcard written as in a file name or a regular expression, such as sensor*/# or dev+.",
    "appendix A", "[MQTT-4.7.1-2]", "[MQTT-4.7.1-1]",
)
CONTROL_CHARACTERS: Final = Rule(
    "control-characters", WARNING, SENDER, "Control characters in a string",
    "Strings should have none of U+0001 to U+001F, U+007F to U+009F, and no noncharacters; the receiver may close the "
    "connection.",
    "A line end read together with a name from a file or console, or binary data in a topic.",
    "", "1.5.3", "1.5.4",
)
SHARE_NAME_INVALID: Final = Rule(
    "share-name-invalid", ERROR, CLIENT, "Invalid shared subscription",
    "A shared subscription is $share/NAME/FILTER, with a name of at least one character, none of them / + #.",
    "The topic filter forgotten behind the share name, or $queue/ habits of one broker used at another.",
    "", "", "[MQTT-4.8.2-2]",
)
NO_LOCAL_ON_SHARED: Final = Rule(
    "no-local-on-shared", ERROR, CLIENT, "No Local on a shared subscription",
    "No Local is 0 in a shared subscription.",
    "One set of subscription options used for all topic filters.",
    "", "", "[MQTT-3.8.3-4]",
)
CLIENT_IDENTIFIER_EMPTY: Final = Rule(
    "client-identifier-empty", ERROR, CLIENT, "Empty client identifier",
    "Without a client identifier, an MQTT 3.1.1 client sets Clean Session to 1; in MQTT 3.1 it always has one.",
    "A persistent session asked for without naming the client, so that nobody could find it again.",
    "3.1", "[MQTT-3.1.3-7]", "",
)
CLIENT_IDENTIFIER_LONG: Final = Rule(
    "client-identifier-long", WARNING, CLIENT, "Client identifier of more than 23 characters",
    "In MQTT 3.1 a client identifier has 1 to 23 characters.",
    "A UUID as client identifier; brokers may refuse it with return code 2.",
    "3.1", "", "",
)
RESPONSE_TOPIC_WILDCARD: Final = Rule(
    "response-topic-wildcard", ERROR, SENDER, "Wildcard in a response topic",
    "A Response Topic is a topic name without wildcards.",
    "The filter that the requester subscribed to, used as the address of the answer.",
    "", "", "[MQTT-3.3.2-14]",
)
PAYLOAD_NOT_UTF_8: Final = Rule(
    "payload-not-utf-8", WARNING, SENDER, "Payload is not UTF-8 as it says",
    "Where the Payload Format Indicator is 1, the payload is UTF-8.",
    "The indicator set for all messages, binary ones too.",
    "", "", "3.3.2.3.2",
)
DISCONNECT_REASON_SIDE: Final = Rule(
    "disconnect-reason-side", ERROR, SENDER, "Reason code of the other side in DISCONNECT",
    "A DISCONNECT has a reason code that table 3-10 allows to its sender.",
    "A library with one list of reason codes for both sides.",
    "", "", "[MQTT-3.14.2-1]",
)
SESSION_EXPIRY_FROM_BROKER: Final = Rule(
    "session-expiry-from-broker", ERROR, BROKER, "Session Expiry Interval in a broker's DISCONNECT",
    "Only a client's DISCONNECT may have a Session Expiry Interval.",
    "A broker that repeats the properties of the connection in its DISCONNECT.",
    "", "", "[MQTT-3.14.2-2]",
)
SESSION_EXPIRY_RAISED: Final = Rule(
    "session-expiry-raised", ERROR, CLIENT, "Session Expiry Interval raised from 0",
    "After a CONNECT with Session Expiry Interval 0, the DISCONNECT has none or 0.",
    "A client that decides at the end to keep a session that it did not ask for.",
    "", "", "3.14.2.2.2",
)
SUBSCRIPTION_IDENTIFIER_FROM_CLIENT: Final = Rule(
    "subscription-identifier-from-client", ERROR, CLIENT, "Subscription Identifier in a client's PUBLISH",
    "A PUBLISH from a client to a broker has no Subscription Identifier.",
    "A bridge or forwarder that passes on a received PUBLISH with all its properties.",
    "", "", "[MQTT-3.3.4-6]",
)
AUTH_DATA_WITHOUT_METHOD: Final = Rule(
    "auth-data-without-method", ERROR, SENDER, "Authentication Data without a method",
    "Authentication Data comes with an Authentication Method.",
    "A token put into Authentication Data where the password is meant.",
    "", "", "3.1.2.11.10",
)
PASSWORD_IN_CLEAR: Final = Rule(
    "password-in-clear", NOTE, CLIENT, "Password in clear text",
    "A user name and password go through TLS, or everybody on the way can read them.",
    "A client configured for port 1883 in place of 8883.",
)

# How connections open and end

FIRST_PACKET_NOT_CONNECT: Final = Rule(
    "first-packet-not-connect", ERROR, CLIENT, "First packet is not CONNECT",
    "The first packet of a client on a network connection is CONNECT.",
    "A client that goes on with its old session on a new socket, or a port scanner.",
    "3.1", "[MQTT-3.1.0-1]", "[MQTT-3.1.0-1]",
)
SECOND_CONNECT: Final = Rule(
    "second-connect", ERROR, CLIENT, "Second CONNECT",
    "A client sends CONNECT once on a network connection.",
    "Reconnect code that runs on the socket which is still open, or two threads that share a client.",
    "3.1", "[MQTT-3.1.0-2]", "[MQTT-3.1.0-2]",
)
FIRST_ANSWER_NOT_CONNACK: Final = Rule(
    "first-answer-not-connack", ERROR, BROKER, "First packet of the broker is not CONNACK",
    "The broker's first packet is CONNACK, or AUTH in MQTT 5.0; it refuses with CONNACK, not with DISCONNECT.",
    "Queued messages sent before the CONNACK when a session is taken up again.",
    "3.2", "[MQTT-3.2.0-1]", "[MQTT-3.2.0-1]",
)
CONNACK_UNASKED: Final = Rule(
    "connack-unasked", ERROR, BROKER, "CONNACK without a CONNECT",
    "A CONNACK answers a CONNECT.",
    "A broker, or something in its place, that sends it as a greeting to whoever connects.",
    "3.2", "3.2", "3.2",
)
SECOND_CONNACK: Final = Rule(
    "second-connack", ERROR, BROKER, "Second CONNACK",
    "A broker sends one CONNACK on a network connection.",
    "A broker that answers a second CONNECT instead of closing the connection.",
    "3.2", "3.2", "[MQTT-3.2.0-2]",
)
CONNACK_MISSING: Final = Rule(
    "connack-missing", WARNING, BROKER, "CONNECT without an answer",
    "A broker answers a valid CONNECT with a CONNACK.",
    "An overloaded broker or authentication backend, a CONNECT that the broker holds for invalid, or a proxy whose "
    "broker is away.",
    "3.2", "[MQTT-3.1.4-4]", "[MQTT-3.1.4-5]",
)
SESSION_PRESENT_WITH_REFUSAL: Final = Rule(
    "session-present-with-refusal", ERROR, BROKER, "Session Present in a refusal",
    "Session Present is 0 in a CONNACK that refuses the connection.",
    "A broker that fills in the flag before it checks the credentials.",
    "", "[MQTT-3.2.2-4]", "[MQTT-3.2.2-6]",
)
SESSION_PRESENT_WRONG: Final = Rule(
    "session-present-wrong", ERROR, BROKER, "Session Present does not fit the session",
    "Session Present is 0 after a clean start, and otherwise says whether the broker has the client's session.",
    "Sessions lost in a broker's restart or not shared in its cluster.",
    "", "[MQTT-3.2.2-1]", "[MQTT-3.2.2-2]",
)
OPEN_AFTER_REFUSAL: Final = Rule(
    "open-after-refusal", WARNING, BROKER, "Connection left open after a refusal",
    "A broker closes the network connection after a CONNACK with an error.",
    "A broker that waits for the client to close, which costs it a socket for each refused client.",
    "", "[MQTT-3.2.2-5]", "[MQTT-3.2.2-7]",
)
PACKET_AFTER_REFUSAL: Final = Rule(
    "packet-after-refusal", ERROR, SENDER, "Packet after a refused connection",
    "Nothing is sent after a CONNACK with an error.",
    "A client that does not read the return code of the CONNACK.",
    "", "[MQTT-3.2.2-5]", "[MQTT-3.2.2-7]",
)
CONNECTION_REFUSED: Final = Rule(
    "connection-refused", NOTE, BROKER, "Connection refused",
    "A client whose CONNECT the broker takes gets a CONNACK with code 0.",
    "Wrong credentials, a client identifier or a protocol version that the broker does not take.",
)
ASSIGNED_IDENTIFIER_MISSING: Final = Rule(
    "assigned-identifier-missing", ERROR, BROKER, "No Assigned Client Identifier",
    "A client that connects with an empty client identifier is told the one that the broker assigned.",
    "A broker that handles the empty client identifier as MQTT 3.1.1 does.",
    "", "", "[MQTT-3.2.2-16]",
)
RESPONSE_INFORMATION_UNASKED: Final = Rule(
    "response-information-unasked", ERROR, BROKER, "Response Information that nobody asked for",
    "Response Information is sent only where the CONNECT had Request Response Information 1.",
    "A broker that sends the same CONNACK to every client.",
    "", "", "[MQTT-3.1.2-28]",
)
REASON_STRING_UNWANTED: Final = Rule(
    "reason-string-unwanted", ERROR, BROKER, "Reason String that the client does not want",
    "After Request Problem Information 0, only PUBLISH, CONNACK and DISCONNECT have a Reason String or User Property.",
    "A broker that ignores Request Problem Information.",
    "", "", "[MQTT-3.1.2-29]",
)
AUTH_UNASKED: Final = Rule(
    "auth-unasked", ERROR, SENDER, "AUTH without an authentication method",
    "Neither side sends AUTH where the CONNECT had no Authentication Method.",
    "A broker that asks all clients for extended authentication.",
    "", "", "[MQTT-4.12.0-6]",
)
AUTH_METHOD_CHANGED: Final = Rule(
    "auth-method-changed", ERROR, SENDER, "Authentication Method changed",
    "All AUTH packets, and the CONNACK with success, have the Authentication Method of the CONNECT.",
    "A CONNACK or AUTH without the property, or a client that takes up another method to authenticate again.",
    "", "", "[MQTT-4.12.0-5]",
)
AUTH_ORDER: Final = Rule(
    "auth-order", ERROR, SENDER, "AUTH out of order",
    "Continue authentication comes from both sides in turn, Success from the broker, Re-authenticate from the client "
    "after the CONNACK.",
    "A state machine of authentication that both sides share.",
    "", "", "[MQTT-3.15.2-1]",
)
PACKET_DURING_AUTH: Final = Rule(
    "packet-during-auth", ERROR, CLIENT, "Packet before authentication is over",
    "A client that asked for extended authentication sends only AUTH and DISCONNECT until the CONNACK.",
    "A client that subscribes and publishes without waiting for the CONNACK.",
    "", "", "[MQTT-3.1.2-30]",
)
WILL_ABOVE_LIMITS: Final = Rule(
    "will-above-limits", ERROR, BROKER, "Will taken that exceeds the broker's own limits",
    "A broker refuses a CONNECT whose will has a QoS above its Maximum QoS, or is retained where Retain Available is "
    "0.",
    "A broker that checks its limits for PUBLISH only.",
    "", "", "[MQTT-3.2.2-12]",
)
VIOLATION_NOT_CLOSED: Final = Rule(
    "violation-not-closed", WARNING, SENDER, "Violation of the protocol tolerated",
    "Who receives a malformed packet or sees a protocol error closes the network connection; in MQTT 3.1, a broker "
    "that receives an invalid CONNECT.",
    "A lenient receiver; with it, the other side's fault stays unnoticed until it meets a strict one.",
    "3.1", "[MQTT-4.8.0-1]", "[MQTT-4.13.1-1]",
)
TAKEOVER_NOT_CLOSED: Final = Rule(
    "takeover-not-closed", ERROR, BROKER, "Two connections with one client identifier",
    "When a client identifier connects again, the broker closes its earlier connection.",
    "Nodes of a cluster that do not tell each other, or a broker that tells clients apart by more than the identifier.",
    "3.1", "[MQTT-3.1.4-2]", "[MQTT-3.1.4-3]",
)
SESSION_TAKEN_OVER: Final = Rule(
    "session-taken-over", NOTE, CLIENT, "Session taken over",
    "A client closes its connection before it opens another.",
    "A reconnect before the old connection was found dead, or two clients with the same identifier.",
)
PACKET_AFTER_DISCONNECT: Final = Rule(
    "packet-after-disconnect", ERROR, SENDER, "Packet after DISCONNECT",
    "The sender of a DISCONNECT sends nothing after it.",
    "Another thread of the application that still publishes while the client shuts down.",
    "3.14", "[MQTT-3.14.4-2]", "[MQTT-3.14.4-1]",
)
OPEN_AFTER_DISCONNECT: Final = Rule(
    "open-after-disconnect", WARNING, SENDER, "Connection left open after DISCONNECT",
    "The sender of a DISCONNECT closes the network connection.",
    "A client that waits for the broker to close, which costs both a socket.",
    "3.14", "[MQTT-3.14.4-1]", "[MQTT-3.14.4-2]",
)
DISCONNECTED_BY_BROKER: Final = Rule(
    "disconnected-by-broker", NOTE, BROKER, "Disconnected by the broker",
    "A connection lasts until the client ends it.",
    "What the reason code says: a takeover, a quota, the keep alive, an administrator, a protocol error.",
)
CLOSED_WITHOUT_DISCONNECT: Final = Rule(
    "closed-without-disconnect", NOTE, CLIENT, "Closed without DISCONNECT",
    "A client that leaves on purpose says so with a DISCONNECT, else its will is published.",
    "A program that ended without closing its client, or a crash.",
)
CONNECTION_RESET: Final = Rule(
    "connection-reset", NOTE, SENDER, "Connection reset",
    "A connection ends with FIN in both directions.",
    "A crash, a socket closed with unread data in it, a firewall or load balancer that dropped an idle connection.",
)
CLIENT_ID_FIGHT: Final = Rule(
    "client-id-fight", WARNING, CLIENT, "Two clients fight for one identifier",
    "Every client of a broker has a client identifier of its own.",
    "A configuration copied to a second device; each connect throws the other one out, and both reconnect at once.",
)
RECONNECT_STORM: Final = Rule(
    "reconnect-storm", WARNING, CLIENT, "Reconnects again and again",
    "A client waits longer after each failed or short connection, with some chance in it.",
    "A client without back-off whose connection is refused or ends at once for the same reason every time.",
)
HALF_OPEN: Final = Rule(
    "half-open", WARNING, NETWORK, "Half-open connection",
    "Both sides of a connection hear of each other within the keep alive, or close it.",
    "A NAT or firewall that forgot the connection, a lost radio link, or a host that went away without a word.",
)
WEBSOCKET_SUBPROTOCOL: Final = Rule(
    "websocket-subprotocol", ERROR, CLIENT, "WebSocket without the subprotocol mqtt",
    "The client offers the WebSocket subprotocol mqtt, and the broker selects it.",
    "A WebSocket library that was not told of a subprotocol, or a proxy in between that drops the header.",
    "", "[MQTT-6.0.0-3]", "[MQTT-6.0.0-3]",
)
WEBSOCKET_TEXT: Final = Rule(
    "websocket-text", ERROR, SENDER, "Control packets in a WebSocket text message",
    "Control packets are sent in binary data frames; who receives another one closes the connection.",
    "A program that hands its bytes to the WebSocket library as a string.",
    "", "[MQTT-6.0.0-1]", "[MQTT-6.0.0-1]",
)

# Keep alive

KEEP_ALIVE_BROKEN: Final = Rule(
    "keep-alive-broken", ERROR, CLIENT, "Client silent for longer than its keep alive",
    "A client sends a packet, PINGREQ if nothing else, within every keep alive interval.",
    "Blocked network code, a sleeping device, a timer that counts what is received, or a lost connection.",
    "3.1", "[MQTT-3.1.2-23]", "[MQTT-3.1.2-20]",
)
KEEP_ALIVE_NOT_ENFORCED: Final = Rule(
    "keep-alive-not-enforced", ERROR, BROKER, "Broker keeps a silent client",
    "A broker closes the connection when it has heard nothing for one and a half times the keep alive.",
    "A broker that checks its clients only now and then, or has the check switched off.",
    "3.1", "[MQTT-3.1.2-24]", "[MQTT-3.1.2-22]",
)
PINGREQ_UNANSWERED: Final = Rule(
    "pingreq-unanswered", ERROR, BROKER, "PINGREQ without an answer",
    "A broker answers each PINGREQ with a PINGRESP.",
    "A blocked or overloaded broker, or a connection that is dead in one direction.",
    "3.12", "[MQTT-3.12.4-1]", "[MQTT-3.12.4-1]",
)
PINGRESP_UNASKED: Final = Rule(
    "pingresp-unasked", ERROR, BROKER, "PINGRESP without a PINGREQ",
    "A PINGRESP answers a PINGREQ.",
    "A broker that sends PINGRESP as a keep alive of its own, or answers one PINGREQ twice.",
    "3.13", "3.13", "3.13",
)
KEEP_ALIVE_OVERSIZED: Final = Rule(
    "keep-alive-oversized", NOTE, CLIENT, "Very long keep alive",
    "A keep alive is short enough to notice a dead connection, and to keep it open in NATs and firewalls on the way.",
    "Milliseconds taken for seconds, or a wish to save traffic; many networks forget idle connections after minutes.",
)
KEEP_ALIVE_ZERO: Final = Rule(
    "keep-alive-zero", NOTE, CLIENT, "Keep alive switched off",
    "A keep alive above 0 lets both sides notice a dead connection.",
    "A default of the client library.",
)

# Requests and answers

IDENTIFIER_IN_USE: Final = Rule(
    "identifier-in-use", ERROR, SENDER, "Packet identifier in use",
    "A new request takes a packet identifier that no unfinished request of the same sender has.",
    "A counter that wraps without looking what is in flight, a constant identifier, or one counter in two threads.",
    "2.4", "[MQTT-2.3.1-2]", "[MQTT-2.2.1-3]",
)
ANSWER_UNEXPECTED: Final = Rule(
    "answer-unexpected", ERROR, SENDER, "Answer to nothing",
    "PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK have the packet identifier of an unfinished request.",
    "An answer sent twice, a wrong packet identifier, or a request of an earlier connection.",
    "2.4", "[MQTT-2.3.1-6]", "[MQTT-2.2.1-5]",
)
ACKNOWLEDGEMENT_WRONG: Final = Rule(
    "acknowledgement-wrong", ERROR, SENDER, "Wrong acknowledgement for the QoS",
    "A PUBLISH of QoS 1 is answered with PUBACK; one of QoS 2 with PUBREC, PUBREL with PUBCOMP.",
    "A receiver that acknowledges by the QoS it granted rather than by that of the message.",
    "4.1", "[MQTT-3.3.4-1]", "[MQTT-3.3.4-1]",
)
PUBLISH_UNACKNOWLEDGED: Final = Rule(
    "publish-unacknowledged", WARNING, SENDER, "Message without an acknowledgement",
    "A PUBLISH of QoS 1 is answered with PUBACK, one of QoS 2 with PUBREC.",
    "A receiver that acknowledges only after its application is done, or a topic that it may not publish to.",
    "4.1", "[MQTT-3.3.4-1]", "[MQTT-3.3.4-1]",
)
PUBREL_MISSING: Final = Rule(
    "pubrel-missing", WARNING, SENDER, "PUBREC without a PUBREL",
    "A PUBREC with success is answered with PUBREL.",
    "A sender that takes PUBREC for the end, or lost its state.",
    "3.5", "[MQTT-4.3.3-1]", "[MQTT-4.3.3-4]",
)
PUBCOMP_MISSING: Final = Rule(
    "pubcomp-missing", WARNING, SENDER, "PUBREL without a PUBCOMP",
    "A PUBREL is answered with PUBCOMP, even where its packet identifier is not known.",
    "A receiver that forgot the message and says nothing, so that its sender repeats PUBREL for ever.",
    "3.6", "[MQTT-4.3.3-2]", "[MQTT-4.3.3-11]",
)
SUBACK_MISSING: Final = Rule(
    "suback-missing", ERROR, BROKER, "SUBSCRIBE without an answer",
    "A SUBSCRIBE is answered with SUBACK.",
    "An authorisation backend that does not answer, or a broker that drops what it does not allow.",
    "3.8", "[MQTT-3.8.4-1]", "[MQTT-3.8.4-1]",
)
UNSUBACK_MISSING: Final = Rule(
    "unsuback-missing", ERROR, BROKER, "UNSUBSCRIBE without an answer",
    "An UNSUBSCRIBE is answered with UNSUBACK, even where no subscription was deleted.",
    "A broker that answers only where there was a subscription.",
    "3.10", "[MQTT-3.10.4-4]", "[MQTT-3.10.4-4]",
)
SUBACK_COUNT: Final = Rule(
    "suback-count", ERROR, BROKER, "SUBACK with the wrong number of codes",
    "A SUBACK has one code for each topic filter of its SUBSCRIBE, in their order.",
    "A broker that leaves out filters which are refused or occur twice.",
    "3.9", "[MQTT-3.8.4-5]", "[MQTT-3.8.4-6]",
)
UNSUBACK_COUNT: Final = Rule(
    "unsuback-count", ERROR, BROKER, "UNSUBACK with the wrong number of codes",
    "An UNSUBACK of MQTT 5.0 has one code for each topic filter of its UNSUBSCRIBE, in their order.",
    "A broker that leaves out filters for which there was no subscription.",
    "", "", "[MQTT-3.11.3-1]",
)
GRANTED_MORE: Final = Rule(
    "granted-more", ERROR, BROKER, "Higher QoS granted than requested",
    "The granted QoS is at most the one requested.",
    "A broker that answers with its own maximum.",
    "3.9", "[MQTT-3.8.4-6]", "[MQTT-3.8.4-7]",
)
SUBSCRIPTION_REFUSED: Final = Rule(
    "subscription-refused", NOTE, BROKER, "Subscription refused",
    "A subscription that the broker takes is granted a QoS.",
    "An access rule of the broker, or a kind of subscription that it does not support.",
)
QOS_DOWNGRADE: Final = Rule(
    "qos-downgrade", NOTE, BROKER, "Lower QoS granted than requested",
    "A client counts on the QoS that it asked for.",
    "A limit of the broker; messages may get lost that the client believes to be safe.",
)
PUBLISH_REFUSED: Final = Rule(
    "publish-refused", NOTE, SENDER, "Message refused",
    "A message that the receiver takes is acknowledged with success.",
    "An access rule, a quota, or a topic that the receiver does not take.",
)
ACKNOWLEDGEMENT_ORDER: Final = Rule(
    "acknowledgement-order", WARNING, SENDER, "Acknowledgements out of order",
    "A client sends PUBACK and PUBREC in the order of the PUBLISHes, and PUBREL in that of the PUBRECs; so does a "
    "broker with PUBREL, before MQTT 5.0.",
    "A receiver that handles messages in several threads and acknowledges each as it is done.",
    "4.3", "[MQTT-4.6.0-2]", "[MQTT-4.6.0-2]",
)
REDELIVERY_WITHOUT_DUP: Final = Rule(
    "redelivery-without-dup", ERROR, SENDER, "Sent again without DUP",
    "A PUBLISH that is sent again has DUP 1.",
    "A sender that encodes the message anew.",
    "2.1", "[MQTT-3.3.1-1]", "[MQTT-3.3.1-1]",
)
DUP_ON_FIRST_DELIVERY: Final = Rule(
    "dup-on-first-delivery", WARNING, SENDER, "DUP on what was not sent before",
    "A PUBLISH has DUP 0 when it is sent for the first time.",
    "A broker that passes the publisher's DUP on, or a sender that kept the message of a lost session.",
    "2.1", "[MQTT-4.3.2-1]", "[MQTT-4.3.2-2]",
)
RESENT_WHILE_CONNECTED: Final = Rule(
    "resent-while-connected", ERROR, SENDER, "Sent again on the same connection",
    "In MQTT 5.0 an unacknowledged packet is sent again only after a reconnect.",
    "A retry timer from the days of MQTT 3.1; on TCP it only adds to the load of a slow receiver.",
    "", "", "[MQTT-4.4.0-1]",
)
REDELIVERY_MISSING: Final = Rule(
    "redelivery-missing", ERROR, SENDER, "Unacknowledged message not sent again",
    "After a reconnect to a present session, both sides send unacknowledged PUBLISH and PUBREL packets again.",
    "A client that keeps messages in memory only, or drops them when the connection is lost.",
    "4.2", "[MQTT-4.4.0-1]", "[MQTT-4.4.0-1]",
)
REDELIVERY_CHANGED: Final = Rule(
    "redelivery-changed", ERROR, SENDER, "Sent again with other content",
    "A PUBLISH that is sent again is the same message.",
    "A packet identifier reused for another message while the first was in flight.",
    "2.4", "[MQTT-2.3.1-2]", "[MQTT-2.2.1-3]",
)
REDELIVERY_ORDER: Final = Rule(
    "redelivery-order", ERROR, SENDER, "Sent again in another order",
    "PUBLISH packets are sent again in the order in which they were first sent; by a broker of MQTT 5.0, those of one "
    "topic and QoS.",
    "Messages in flight kept in a hash table, or sorted by packet identifier.",
    "4.3", "[MQTT-4.6.0-1]", "[MQTT-4.6.0-1]",
)
PUBLISH_AFTER_PUBREL: Final = Rule(
    "publish-after-pubrel", ERROR, SENDER, "PUBLISH sent again after PUBREL",
    "Once PUBREL was sent, its PUBLISH is not sent again; only the PUBREL may be.",
    "A sender that stores messages without the state of their exchange.",
    "4.1", "[MQTT-4.3.3-1]", "[MQTT-4.3.3-6]",
)
RECEIVE_MAXIMUM_EXCEEDED: Final = Rule(
    "receive-maximum-exceeded", ERROR, SENDER, "More in flight than the Receive Maximum",
    "At most Receive Maximum messages of QoS 1 and 2 are without their last acknowledgement.",
    "A sender that does not read the property, or counts a QoS 2 message as done at PUBREC.",
    "", "", "[MQTT-3.3.4-7]",
)
PACKET_TOO_LARGE: Final = Rule(
    "packet-too-large", ERROR, SENDER, "Packet larger than the Maximum Packet Size",
    "No packet is larger than the Maximum Packet Size that the other side said.",
    "A sender that does not read the property, or counts the payload only.",
    "", "", "[MQTT-3.1.2-24]",
)
TOPIC_ALIAS_EXCEEDED: Final = Rule(
    "topic-alias-exceeded", ERROR, SENDER, "Topic alias above the maximum",
    "A topic alias is at most the Topic Alias Maximum of the other side, which is 0 unless it says more.",
    "A sender that uses aliases without looking whether the other side takes any.",
    "", "", "[MQTT-3.3.2-9]",
)
TOPIC_ALIAS_UNKNOWN: Final = Rule(
    "topic-alias-unknown", ERROR, SENDER, "Topic alias that stands for nothing",
    "A topic alias was given a topic name earlier on the same network connection by the same side.",
    "Aliases kept over a reconnect, or packets reordered between threads.",
    "", "", "3.3.2.3.4",
)
MAXIMUM_QOS_EXCEEDED: Final = Rule(
    "maximum-qos-exceeded", ERROR, CLIENT, "QoS above the broker's Maximum QoS",
    "A client publishes with a QoS of at most the Maximum QoS of the CONNACK.",
    "A client that does not read the properties of the CONNACK.",
    "", "", "[MQTT-3.2.2-11]",
)
RETAIN_UNAVAILABLE: Final = Rule(
    "retain-unavailable", ERROR, CLIENT, "RETAIN where the broker has no retained messages",
    "After Retain Available 0 a client publishes with RETAIN 0.",
    "A client that does not read the properties of the CONNACK.",
    "", "", "[MQTT-3.2.2-14]",
)
WILDCARD_UNAVAILABLE: Final = Rule(
    "wildcard-unavailable", ERROR, CLIENT, "Wildcards where the broker takes none",
    "After Wildcard Subscription Available 0 a client subscribes to topic names only.",
    "A client that does not read the properties of the CONNACK.",
    "", "", "3.2.2.3.11",
)
SHARED_UNAVAILABLE: Final = Rule(
    "shared-unavailable", ERROR, CLIENT, "Shared subscription where the broker takes none",
    "After Shared Subscription Available 0 a client makes no shared subscriptions.",
    "A client that does not read the properties of the CONNACK.",
    "", "", "3.2.2.3.13",
)
SUBSCRIPTION_IDENTIFIER_UNAVAILABLE: Final = Rule(
    "subscription-identifier-unavailable", ERROR, CLIENT, "Subscription Identifier where none is taken",
    "After Subscription Identifiers Available 0 a SUBSCRIBE has no Subscription Identifier.",
    "A client that does not read the properties of the CONNACK.",
    "", "", "3.2.2.3.12",
)
UNDECODED_BYTES: Final = Rule(
    "undecoded-bytes", NOTE, CAPTURE, "Bytes that are not control packets",
    "All bytes of the connection can be cut into control packets.",
    "A capture that joined in the middle of a packet, lost packets, or another protocol on the same connection.",
)

# Deliveries: from the publisher to the subscribers

DELIVERY_UNSUBSCRIBED: Final = Rule(
    "delivery-unsubscribed", WARNING, BROKER, "Message without a subscription",
    "A broker sends a client only messages whose topic matches one of its subscriptions, or one that the broker has "
    "made for it.",
    "Subscriptions of an earlier session that should have been discarded, wildcards matched wrongly, or a broker that "
    "is configured to subscribe for its clients.",
    "3.3", "[MQTT-3.3.2-3]", "[MQTT-3.3.2-3]",
)
DELIVERY_AFTER_UNSUBSCRIBE: Final = Rule(
    "delivery-after-unsubscribe", ERROR, BROKER, "Message after UNSUBACK",
    "After the UNSUBACK a broker adds no new messages of that topic filter.",
    "A broker that removes subscriptions late, or on one of its nodes only.",
    "3.10", "[MQTT-3.10.4-2]", "[MQTT-3.10.4-2]",
)
DELIVERY_ABOVE_GRANTED: Final = Rule(
    "delivery-above-granted", ERROR, BROKER, "Delivered with a higher QoS than granted",
    "A message is delivered with the lower one of its own QoS and the granted QoS.",
    "A broker that delivers with the QoS of the publisher.",
    "3.8", "[MQTT-3.8.4-6]", "[MQTT-3.8.4-8]",
)
DELIVERY_BELOW_GRANTED: Final = Rule(
    "delivery-below-granted", WARNING, BROKER, "Delivered with a lower QoS than granted",
    "A message is delivered with the lower one of its own QoS and the granted QoS, and with the highest where several "
    "subscriptions match.",
    "A broker that lowers the QoS under load, or takes the first of several matching subscriptions.",
    "3.8", "[MQTT-3.8.4-6]", "[MQTT-3.8.4-8]",
)
DELIVERY_MISSING: Final = Rule(
    "delivery-missing", WARNING, BROKER, "Message not delivered",
    "A message goes to every client whose subscription matches its topic.",
    "A full queue, an access rule, a message dropped for a slow subscriber, or nodes of a cluster that lost touch.",
    "4.1", "[MQTT-4.5.0-1]", "[MQTT-4.5.0-1]",
)
DELIVERY_NO_LOCAL: Final = Rule(
    "delivery-no-local", ERROR, BROKER, "Own message delivered despite No Local",
    "A message does not go back to the client that published it where its subscription has No Local.",
    "A broker without support for No Local, or one whose bridge brings the message back.",
    "", "", "[MQTT-3.8.3-3]",
)
DELIVERY_ORDER: Final = Rule(
    "delivery-order", ERROR, BROKER, "Messages delivered out of order",
    "Messages of one publisher, topic and QoS reach a subscriber in the order in which they were published.",
    "A broker that handles one topic in several threads or nodes.",
    "4.3", "[MQTT-4.6.0-6]", "[MQTT-4.6.0-5]",
)
DELIVERED_TWICE: Final = Rule(
    "delivered-twice", ERROR, BROKER, "QoS 2 message delivered twice",
    "A message of QoS 2 reaches each subscriber once.",
    "A broker that takes a repeated PUBLISH for a new message.",
    "4.1", "[MQTT-4.3.3-2]", "[MQTT-4.3.3-10]",
)
DELIVERY_CHANGED: Final = Rule(
    "delivery-changed", ERROR, BROKER, "Message changed on its way",
    "User Properties, Payload Format Indicator, Content Type, Response Topic and Correlation Data are passed on "
    "unaltered.",
    "A broker or a bridge that drops properties it does not know, or puts User Properties into a dictionary.",
    "", "", "[MQTT-3.3.2-17]",
)
MESSAGE_EXPIRED: Final = Rule(
    "message-expired", ERROR, BROKER, "Expired message delivered",
    "A message whose Message Expiry Interval has passed before its delivery began is deleted.",
    "A broker that checks the expiry when a message comes in, but not when a queue is emptied.",
    "", "", "[MQTT-3.3.2-5]",
)
EXPIRY_NOT_REDUCED: Final = Rule(
    "expiry-not-reduced", ERROR, BROKER, "Message Expiry Interval reduced wrongly, or not",
    "The Message Expiry Interval is delivered less the time that the message waited in the broker.",
    "A broker that passes the property on as it came, or puts a limit of its own in its place.",
    "", "", "[MQTT-3.3.2-6]",
)
SUBSCRIPTION_IDENTIFIER_WRONG: Final = Rule(
    "subscription-identifier-wrong", ERROR, BROKER, "Subscription Identifier missing or wrong",
    "A delivered message has the Subscription Identifiers of the subscriptions that it matched, and no others.",
    "A subscription replaced without its new identifier, or overlapping subscriptions of which one is named.",
    "", "", "[MQTT-3.3.4-3]",
)
SHARED_DELIVERED_TWICE: Final = Rule(
    "shared-delivered-twice", ERROR, BROKER, "Message to two clients of one shared subscription",
    "Of the clients of a shared subscription, one gets each message.",
    "Nodes of a cluster that each choose a client, or a share name used with two topic filters.",
    "", "", "4.8.2",
)
RETAIN_FLAG_SET: Final = Rule(
    "retain-flag-set", ERROR, BROKER, "RETAIN on a message that is not a retained one",
    "A message for an established subscription is delivered with RETAIN 0, unless the subscription has Retain As "
    "Published.",
    "A broker that passes the publisher's flag on.",
    "2.1", "[MQTT-3.3.1-9]", "[MQTT-3.3.1-12]",
)
RETAIN_FLAG_MISSING: Final = Rule(
    "retain-flag-missing", ERROR, BROKER, "RETAIN missing on a retained message",
    "A retained message sent for a new subscription has RETAIN 1, and Retain As Published keeps the publisher's flag.",
    "A broker that clears the flag on every message.",
    "2.1", "[MQTT-3.3.1-8]", "[MQTT-3.3.1-13]",
)
RETAINED_MISSING: Final = Rule(
    "retained-missing", WARNING, BROKER, "Retained message not sent",
    "A new subscription gets the retained message of each matching topic, unless retain handling says otherwise.",
    "A broker that lost its retained messages in a restart, or shares them between its nodes late.",
    "2.1", "[MQTT-3.3.1-6]", "[MQTT-3.3.1-9]",
)
RETAINED_DISCARDED: Final = Rule(
    "retained-discarded", NOTE, BROKER, "Retained message of QoS 0 not sent",
    "A new subscription gets the retained message of each matching topic; one of QoS 0 a broker may discard at any "
    "time.",
    "A broker that keeps no retained messages of QoS 0, or lost them in a restart.",
    "2.1", "[MQTT-3.3.1-7]", "3.3.1.3",
)
RETAINED_STALE: Final = Rule(
    "retained-stale", ERROR, BROKER, "Retained message that is not the last one",
    "A new subscription gets the last message that was published with RETAIN 1 on a topic, and none if that was empty.",
    "A node of a cluster, or a cache, that has not heard of the newer message.",
    "2.1", "[MQTT-3.3.1-5]", "[MQTT-3.3.1-5]",
)
RETAINED_UNWANTED: Final = Rule(
    "retained-unwanted", ERROR, BROKER, "Retained message against retain handling",
    "Retain handling 1 asks for retained messages only where the subscription is new, 2 for none; a shared one brings "
    "none.",
    "A broker without support for retain handling.",
    "", "", "[MQTT-3.3.1-11]",
)
WILL_NOT_PUBLISHED: Final = Rule(
    "will-not-published", WARNING, BROKER, "Will not published",
    "When a connection ends without a DISCONNECT, the will is published (after its delay in MQTT 5.0).",
    "A broker that takes every close for an orderly one, or an access rule against the will's topic.",
    "3.1", "[MQTT-3.1.2-8]", "[MQTT-3.1.2-8]",
)
WILL_AFTER_DISCONNECT: Final = Rule(
    "will-after-disconnect", ERROR, BROKER, "Will published in spite of DISCONNECT",
    "A DISCONNECT (in MQTT 5.0 one with code 0) deletes the will.",
    "A broker that closes the connection before it has read the DISCONNECT.",
    "3.1", "[MQTT-3.14.4-3]", "[MQTT-3.14.4-3]",
)
WILL_CHANGED: Final = Rule(
    "will-changed", ERROR, BROKER, "Will published otherwise than asked",
    "A will is published with the topic, payload, properties, QoS and RETAIN of the CONNECT.",
    "A will stored without its flags, or left over from an earlier connection.",
    "3.1", "[MQTT-3.1.2-9]", "[MQTT-3.1.2-9]",
)
WILL_EARLY: Final = Rule(
    "will-early", ERROR, BROKER, "Will published before its delay",
    "A will is published when the Will Delay Interval has passed or the session has ended, whichever comes first, and "
    "not if the client has come back to its session by then.",
    "A broker without support for the Will Delay Interval.",
    "", "", "[MQTT-3.1.2-8]",
)
RETAINED_TOMBSTONE: Final = Rule(
    "retained-tombstone", NOTE, CLIENT, "Retained message deleted",
    "An empty payload with RETAIN 1 deletes the retained message of its topic and is not stored.",
    "A wish to delete it; if not, an empty value published by mistake.",
)

# Practice: what no standard forbids but is known to break

TCP_LOSS: Final = Rule(
    "tcp-loss", NOTE, NETWORK, "Lost segments",
    "What is sent arrives the first time.",
    "A radio link or an overloaded path; answers come late by the time of the retransmission.",
)
ZERO_WINDOW: Final = Rule(
    "zero-window", WARNING, SENDER, "Receiver does not read",
    "A receiver reads what comes in and keeps its TCP window open.",
    "An application that blocks in its message handler, or a device that is too slow for what it subscribed to.",
)
SLOW_ANSWER: Final = Rule(
    "slow-answer", WARNING, BROKER, "Slow answer",
    "Answers come as fast as they usually do on this connection.",
    "A broker that writes to disk or asks another service before it answers, garbage collection, or loss on the way.",
)
QUEUE_BUILD_UP: Final = Rule(
    "queue-build-up", WARNING, SENDER, "More and more in flight",
    "Acknowledgements keep up with messages and requests.",
    "A receiver that is slower than the sender; in the end messages are dropped or the connection is closed.",
)
MANY_IN_FLIGHT: Final = Rule(
    "many-in-flight", NOTE, SENDER, "Very many in flight",
    "A side does not send far more at a time than others keep track of.",
    "A burst without flow control: brokers limit what they hold for a client, and drop what comes then.",
)
CLOCK_JUMP: Final = Rule(
    "clock-jump", WARNING, CAPTURE, "Clock of the capture jumps",
    "Time stamps grow from frame to frame.",
    "The clock of the capturing host was set, or captures of two hosts were merged; times in this report may be off.",
)
CAPTURE_GAP: Final = Rule(
    "capture-gap", NOTE, CAPTURE, "Bytes missing in the capture",
    "The capture has every byte of the connection.",
    "A capture that could not keep up, a snap length that is too short, or traffic on another path.",
)
CONNECT_NOT_CAPTURED: Final = Rule(
    "connect-not-captured", NOTE, CAPTURE, "CONNECT not captured",
    "The capture has the connection from its CONNECT on.",
    "A capture begun when the client was connected already: its version is inferred, and what may rest on packets from "
    "before is not judged.",
)
CLIENTS_NOT_CAPTURED: Final = Rule(
    "clients-not-captured", NOTE, CAPTURE, "Not all clients of the broker were captured",
    "The capture has all connections of a broker.",
    "A capture filtered by client or port, or another listener, as of TLS: what rests on knowing all clients (sessions "
    "that go on, retained messages, wills with a delay) is not judged.",
)

GROUPS: Final[list[tuple[str, list[Rule]]]] = [
    ("Malformed packets", [
        RESERVED_TYPE, RESERVED_FLAGS, QOS_3, BYTES_MISSING, BYTES_LEFT_OVER, VARINT_TOO_LONG, VARINT_NOT_MINIMAL,
        STRING_TOO_LONG, NOT_UTF_8, NUL_IN_STRING, PACKET_IDENTIFIER_ZERO, PROTOCOL_NAME, PROTOCOL_LEVEL,
        CONNECT_RESERVED_FLAG, WILL_QOS_3, WILL_QOS_WITHOUT_WILL, WILL_RETAIN_WITHOUT_WILL, PASSWORD_WITHOUT_USER_NAME,
        CONNACK_RESERVED_FLAGS, TOPIC_EMPTY, TOPIC_AND_ALIAS_MISSING, WILDCARD_IN_TOPIC_NAME, TOPIC_ALIAS_ZERO,
        SUBSCRIBE_WITHOUT_FILTERS, UNSUBSCRIBE_WITHOUT_FILTERS, SUBSCRIPTION_RESERVED_BITS, SUBSCRIPTION_OPTIONS,
        ANSWER_WITHOUT_CODES, PROPERTY_LENGTH, PROPERTY_UNDEFINED, PROPERTY_NOT_ALLOWED, PROPERTY_REPEATED,
        PROPERTY_VALUE, REASON_CODE, RETURN_CODE, SUBACK_RETURN_CODE,
    ]),
    ("More that one packet shows", [
        DUP_ON_QOS_0, WRONG_DIRECTION, TOPIC_FILTER_INVALID, CONTROL_CHARACTERS, SHARE_NAME_INVALID,
        NO_LOCAL_ON_SHARED, CLIENT_IDENTIFIER_EMPTY, CLIENT_IDENTIFIER_LONG, RESPONSE_TOPIC_WILDCARD,
        PAYLOAD_NOT_UTF_8, DISCONNECT_REASON_SIDE, SESSION_EXPIRY_FROM_BROKER, SESSION_EXPIRY_RAISED,
        SUBSCRIPTION_IDENTIFIER_FROM_CLIENT, AUTH_DATA_WITHOUT_METHOD, PASSWORD_IN_CLEAR,
    ]),
    ("How connections open and end", [
        FIRST_PACKET_NOT_CONNECT, SECOND_CONNECT, FIRST_ANSWER_NOT_CONNACK, CONNACK_UNASKED, SECOND_CONNACK,
        CONNACK_MISSING, SESSION_PRESENT_WITH_REFUSAL, SESSION_PRESENT_WRONG, OPEN_AFTER_REFUSAL, PACKET_AFTER_REFUSAL,
        CONNECTION_REFUSED, ASSIGNED_IDENTIFIER_MISSING, RESPONSE_INFORMATION_UNASKED, REASON_STRING_UNWANTED,
        AUTH_UNASKED, AUTH_METHOD_CHANGED, AUTH_ORDER, PACKET_DURING_AUTH, WILL_ABOVE_LIMITS, VIOLATION_NOT_CLOSED,
        TAKEOVER_NOT_CLOSED, SESSION_TAKEN_OVER, PACKET_AFTER_DISCONNECT, OPEN_AFTER_DISCONNECT,
        DISCONNECTED_BY_BROKER, CLOSED_WITHOUT_DISCONNECT, CONNECTION_RESET, CLIENT_ID_FIGHT, RECONNECT_STORM,
        HALF_OPEN, WEBSOCKET_SUBPROTOCOL, WEBSOCKET_TEXT,
    ]),
    ("Keep alive", [
        KEEP_ALIVE_BROKEN, KEEP_ALIVE_NOT_ENFORCED, PINGREQ_UNANSWERED, PINGRESP_UNASKED, KEEP_ALIVE_OVERSIZED,
        KEEP_ALIVE_ZERO,
    ]),
    ("Requests and answers", [
        IDENTIFIER_IN_USE, ANSWER_UNEXPECTED, ACKNOWLEDGEMENT_WRONG, PUBLISH_UNACKNOWLEDGED, PUBREL_MISSING,
        PUBCOMP_MISSING, SUBACK_MISSING, UNSUBACK_MISSING, SUBACK_COUNT, UNSUBACK_COUNT, GRANTED_MORE,
        SUBSCRIPTION_REFUSED, QOS_DOWNGRADE, PUBLISH_REFUSED, ACKNOWLEDGEMENT_ORDER, REDELIVERY_WITHOUT_DUP,
        DUP_ON_FIRST_DELIVERY, RESENT_WHILE_CONNECTED, REDELIVERY_MISSING, REDELIVERY_CHANGED, REDELIVERY_ORDER,
        PUBLISH_AFTER_PUBREL, RECEIVE_MAXIMUM_EXCEEDED, PACKET_TOO_LARGE, TOPIC_ALIAS_EXCEEDED, TOPIC_ALIAS_UNKNOWN,
        MAXIMUM_QOS_EXCEEDED, RETAIN_UNAVAILABLE, WILDCARD_UNAVAILABLE, SHARED_UNAVAILABLE,
        SUBSCRIPTION_IDENTIFIER_UNAVAILABLE, UNDECODED_BYTES,
    ]),
    ("Deliveries", [
        DELIVERY_UNSUBSCRIBED, DELIVERY_AFTER_UNSUBSCRIBE, DELIVERY_ABOVE_GRANTED, DELIVERY_BELOW_GRANTED,
        DELIVERY_MISSING, DELIVERY_NO_LOCAL, DELIVERY_ORDER, DELIVERED_TWICE, DELIVERY_CHANGED, MESSAGE_EXPIRED,
        EXPIRY_NOT_REDUCED, SUBSCRIPTION_IDENTIFIER_WRONG, SHARED_DELIVERED_TWICE, RETAIN_FLAG_SET,
        RETAIN_FLAG_MISSING, RETAINED_MISSING, RETAINED_DISCARDED, RETAINED_STALE, RETAINED_UNWANTED,
        WILL_NOT_PUBLISHED, WILL_AFTER_DISCONNECT,
        WILL_CHANGED, WILL_EARLY, RETAINED_TOMBSTONE,
    ]),
    ("Practice", [
        TCP_LOSS, ZERO_WINDOW, SLOW_ANSWER, QUEUE_BUILD_UP, MANY_IN_FLIGHT, CLOCK_JUMP, CAPTURE_GAP,
        CONNECT_NOT_CAPTURED, CLIENTS_NOT_CAPTURED,
    ]),
]
# fmt: on

RULES: Final[dict[str, Rule]] = {one.id: one for _, group in GROUPS for one in group}

# Where the standard has a statement for one packet type, or one side: (rule, packet or who is at fault, version)
SHARPER: Final[dict[tuple[str, str, int], str]] = {
    ("acknowledgement-order", "PUBREC", 4): "[MQTT-4.6.0-3]",
    ("acknowledgement-order", "PUBREC", 5): "[MQTT-4.6.0-3]",
    ("acknowledgement-order", "PUBREL", 4): "[MQTT-4.6.0-4]",
    ("acknowledgement-order", "PUBREL", 5): "[MQTT-4.6.0-4]",
    ("answer-unexpected", "SUBACK", 4): "[MQTT-2.3.1-7]",
    ("answer-unexpected", "SUBACK", 5): "[MQTT-2.2.1-6]",
    ("answer-unexpected", "UNSUBACK", 4): "[MQTT-2.3.1-7]",
    ("answer-unexpected", "UNSUBACK", 5): "[MQTT-2.2.1-6]",
    ("answer-without-codes", "UNSUBACK", 5): "[MQTT-3.11.3-1]",
    ("auth-unasked", CLIENT, 5): "[MQTT-4.12.0-7]",
    ("dup-on-first-delivery", BROKER, 4): "[MQTT-3.3.1-3]",
    ("dup-on-first-delivery", BROKER, 5): "[MQTT-3.3.1-3]",
    ("first-answer-not-connack", "DISCONNECT", 5): "[MQTT-3.14.0-1]",
    ("identifier-in-use", BROKER, 4): "[MQTT-2.3.1-4]",
    ("identifier-in-use", BROKER, 5): "[MQTT-2.2.1-4]",
    ("packet-after-refusal", CLIENT, 4): "[MQTT-3.1.4-5]",
    ("packet-after-refusal", CLIENT, 5): "[MQTT-3.1.4-6]",
    ("packet-identifier-zero", BROKER, 5): "[MQTT-2.2.1-4]",
    ("packet-too-large", CLIENT, 5): "[MQTT-3.2.2-15]",
    ("payload-not-utf-8", "CONNECT", 5): "3.1.3.2.3",
    ("reason-code", "AUTH", 5): "[MQTT-3.15.2-1]",
    ("reason-code", "CONNACK", 5): "[MQTT-3.2.2-8]",
    ("reason-code", "DISCONNECT", 5): "[MQTT-3.14.2-1]",
    ("reason-code", "PUBACK", 5): "[MQTT-3.4.2-1]",
    ("reason-code", "PUBCOMP", 5): "[MQTT-3.7.2-1]",
    ("reason-code", "PUBREC", 5): "[MQTT-3.5.2-1]",
    ("reason-code", "PUBREL", 5): "[MQTT-3.6.2-1]",
    ("reason-code", "SUBACK", 5): "[MQTT-3.9.3-2]",
    ("reason-code", "UNSUBACK", 5): "[MQTT-3.11.3-2]",
    ("receive-maximum-exceeded", BROKER, 5): "[MQTT-3.3.4-9]",
    ("redelivery-changed", BROKER, 4): "[MQTT-2.3.1-4]",
    ("redelivery-changed", BROKER, 5): "[MQTT-2.2.1-4]",
    ("redelivery-order", BROKER, 4): "[MQTT-4.6.0-6]",
    ("redelivery-order", BROKER, 5): "[MQTT-4.6.0-5]",
    ("reserved-flags", "AUTH", 5): "[MQTT-3.15.1-1]",
    ("reserved-flags", "DISCONNECT", 4): "[MQTT-3.14.1-1]",
    ("reserved-flags", "DISCONNECT", 5): "[MQTT-3.14.1-1]",
    ("reserved-flags", "PUBREL", 4): "[MQTT-3.6.1-1]",
    ("reserved-flags", "PUBREL", 5): "[MQTT-3.6.1-1]",
    ("reserved-flags", "SUBSCRIBE", 4): "[MQTT-3.8.1-1]",
    ("reserved-flags", "SUBSCRIBE", 5): "[MQTT-3.8.1-1]",
    ("reserved-flags", "UNSUBSCRIBE", 4): "[MQTT-3.10.1-1]",
    ("reserved-flags", "UNSUBSCRIBE", 5): "[MQTT-3.10.1-1]",
    ("response-topic-wildcard", "CONNECT", 5): "[MQTT-4.7.0-1]",
    ("topic-alias-exceeded", BROKER, 5): "[MQTT-3.3.2-11]",
    ("websocket-subprotocol", BROKER, 4): "[MQTT-6.0.0-4]",
    ("websocket-subprotocol", BROKER, 5): "[MQTT-6.0.0-4]",
    ("wildcard-in-topic-name", "CONNECT", 3): "3.1",
    ("wildcard-in-topic-name", "CONNECT", 4): "[MQTT-4.7.1-1]",
    ("wildcard-in-topic-name", "CONNECT", 5): "[MQTT-4.7.0-1]",
}


def clause(rule: Rule, version: i64, packet: str, fault: str) -> str:
    """What the standard of this version states of the rule for this packet (its name) and this side."""
    sharper = SHARPER.get((rule.id, packet, int(version))) or SHARPER.get((rule.id, fault, int(version)))
    return sharper or rule.clause(version)
