package transport

import "sync/atomic"

// Metrics is a reading of a transport's counters, all of them since New.
type Metrics struct {
	Control LaneMetrics
	Log     LaneMetrics
	Bulk    LaneMetrics
	// RefusedStreams counts inbound streams of other clusters or for other nodes.
	RefusedStreams uint64
	// RefusedCalls counts inbound calls for replicas that are not open here.
	RefusedCalls uint64
}

// LaneMetrics is a reading of one lane's counters, summed over all peers. For the bulk lane a
// message is a snapshot and a frame is a chunk.
type LaneMetrics struct {
	FramesSent       uint64
	FramesReceived   uint64
	MessagesSent     uint64
	MessagesReceived uint64
	BytesSent        uint64
	BytesReceived    uint64
	Connects         uint64
	Reconnects       uint64
	ConnectFailures  uint64
	Timeouts         uint64
	QueueFull        uint64
}

// laneCounters are the live counters behind LaneMetrics.
type laneCounters struct {
	framesSent, framesReceived     atomic.Uint64
	messagesSent, messagesReceived atomic.Uint64
	bytesSent, bytesReceived       atomic.Uint64
	connects, reconnects           atomic.Uint64
	connectFailures                atomic.Uint64
	timeouts, queueFull            atomic.Uint64
}

func (c *laneCounters) sent(messages, bytes int) {
	c.framesSent.Add(1)
	c.messagesSent.Add(uint64(messages))
	c.bytesSent.Add(uint64(bytes))
}

func (c *laneCounters) received(messages, bytes int) {
	c.framesReceived.Add(1)
	c.messagesReceived.Add(uint64(messages))
	c.bytesReceived.Add(uint64(bytes))
}

func (c *laneCounters) read() LaneMetrics {
	return LaneMetrics{
		FramesSent:       c.framesSent.Load(),
		FramesReceived:   c.framesReceived.Load(),
		MessagesSent:     c.messagesSent.Load(),
		MessagesReceived: c.messagesReceived.Load(),
		BytesSent:        c.bytesSent.Load(),
		BytesReceived:    c.bytesReceived.Load(),
		Connects:         c.connects.Load(),
		Reconnects:       c.reconnects.Load(),
		ConnectFailures:  c.connectFailures.Load(),
		Timeouts:         c.timeouts.Load(),
		QueueFull:        c.queueFull.Load(),
	}
}

// Metrics returns a reading of all counters.
func (t *Transport) Metrics() Metrics {
	return Metrics{
		Control:        t.counters[Control].read(),
		Log:            t.counters[Log].read(),
		Bulk:           t.counters[Bulk].read(),
		RefusedStreams: t.refusedStreams.Load(),
		RefusedCalls:   t.refusedCalls.Load(),
	}
}
