// @name@: @top@ behind AXI4-Stream. An event is a packet of @beats@ beat(s) of @bytes_in@ bytes.
//
// s_axis_tdata  beat b of an event holds bits b * @beat_bits@ and following of data_in of @top@; bits beyond data_in are ignored
// s_axis_tlast  marks the last beat of an event
// m_axis_tdata  one beat an event: data_out of @top@ at bit 0, then zeros; m_axis_tlast is always set
// frame_error   one cycle after a packet turned out shorter or longer than @beats@ beat(s); such a packet is dropped
// aresetn       drops all events that are on their way; events that follow it are not affected by those before it
//
//+ Latency: m_axis_tvalid follows the last beat of an event after @stream_latency@ cycles, or later while m_axis_tready is low.
//+ No event is lost: s_axis_tready falls before network and FIFO hold more than @depth@ events.
//+ With m_axis_tready set, a beat enters in each cycle@unless@.
//- Latency: m_axis_tvalid follows the last beat of an event after @stream_latency@ cycles. There is no back-pressure.
`timescale 1 ns / 1 ps
module @name@ (
    input wire aclk,
    input wire aresetn,
    input wire s_axis_tvalid,
    output wire s_axis_tready, //+
    input wire s_axis_tlast,
    // verilator lint_off UNUSEDSIGNAL
    input wire [@beat_bits@ - 1:0] s_axis_tdata,
    // verilator lint_on UNUSEDSIGNAL
    output wire m_axis_tvalid,
    input wire m_axis_tready, //+
    output wire m_axis_tlast,
    output wire [@out_bits@ - 1:0] m_axis_tdata,
    output reg frame_error
);
    localparam BEATS = @beats@;
    localparam BITS = @beat_bits@;
    localparam [BEATS - 1:0] FIRST = 1;
    localparam [@flush_bits@ - 1:0] LATENCY = @latency@;

    wire take = s_axis_tvalid && s_axis_tready; //+
    wire take = s_axis_tvalid && aresetn; //-

    // Which beat this is: one bit a beat, none in what exceeds an event.
    reg [BEATS - 1:0] beat;
    wire start = take && s_axis_tlast && beat[BEATS - 1];
    initial begin
        beat = FIRST;
        frame_error = 0;
    end
    always @(posedge aclk) begin
        if (!aresetn) beat <= FIRST;
        else if (take) beat <= s_axis_tlast ? FIRST : beat << 1;
        frame_error <= take && |beat && s_axis_tlast != beat[BEATS - 1];
    end

    // verilator lint_off UNUSEDSIGNAL
    wire [BEATS * BITS - 1:0] event_bits;
    // verilator lint_on UNUSEDSIGNAL
    genvar b;
    generate
        for (b = 0; b < BEATS; b = b + 1) begin: beats
            if (b == BEATS - 1) begin: last
                assign event_bits[b * BITS +: BITS] = s_axis_tdata;
            end else begin: earlier
                reg [BITS - 1:0] kept;
                always @(posedge aclk) if (take && beat[b]) kept <= s_axis_tdata;
                assign event_bits[b * BITS +: BITS] = kept;
            end
        end
    endgenerate

    wire core_valid;
    wire [@bits_out@ - 1:0] core_data;
    @top@ core (
        .clk(aclk), .valid_in(start), .data_in(event_bits[@bits_in@ - 1:0]), .valid_out(core_valid), .data_out(core_data)
    );

    // The network has no reset: what entered before one is not valid for as long as it takes to leave.
    reg [@flush_bits@ - 1:0] flush;
    initial flush = 0;
    always @(posedge aclk) begin
        if (!aresetn) flush <= LATENCY;
        else if (|flush) flush <= flush - 1'b1;
    end
    wire done = core_valid && aresetn && !(|flush);
    assign m_axis_tlast = 1'b1;
    assign m_axis_tvalid = done; //-
    assign m_axis_tdata = @padded@core_data@closed@; //-
    //+
    //+ A network cannot wait, so a place in the FIFO is taken when an event enters the network.
    reg [@address_bits@:0] taken; //+
    reg [@address_bits@:0] stored; //+
    reg [@address_bits@ - 1:0] write; //+
    reg [@address_bits@ - 1:0] read; //+
    reg [@bits_out@ - 1:0] memory [0:@depth@ - 1]; //+
    wire leave = m_axis_tvalid && m_axis_tready; //+
    initial begin //+
        taken = 0; //+
        stored = 0; //+
        write = 0; //+
        read = 0; //+
    end //+
@pacing@    assign s_axis_tready = aresetn && !taken[@address_bits@]@paced@; //+
    assign m_axis_tvalid = |stored && aresetn; //+
    assign m_axis_tdata = @padded@memory[read]@closed@; //+
    always @(posedge aclk) begin //+
        if (done) memory[write] <= core_data; //+
        if (!aresetn) begin //+
            taken <= 0; //+
            stored <= 0; //+
            write <= 0; //+
            read <= 0; //+
        end else begin //+
            if (start != leave) taken <= start ? taken + 1'b1 : taken - 1'b1; //+
            if (done != leave) stored <= done ? stored + 1'b1 : stored - 1'b1; //+
            if (done) write <= write + 1'b1; //+
            if (leave) read <= read + 1'b1; //+
        end //+
    end //+
endmodule
