// @name@: @top@ for events whose @objects@ objects arrive over several cycles.
//
// CYCLES     cycles from one event to the next, at least 1; given here is what the target's event period makes
// PER_CYCLE  = ceil(@objects@ / CYCLES) objects enter a cycle, WORDS = ceil(@objects@ / PER_CYCLE) cycles hold an event
//
// valid_in   this cycle has objects; cycles without them may lie anywhere
// first      these are the first ones of an event; an event that has not been complete is dropped
// objects    object number w * PER_CYCLE + n of the event, in its w-th cycle with objects, at bit n * @width@; an object is
//            @channels@ channel(s), laid out as on data_in of @top@; bits beyond it and beyond the last object are ignored
// valid_out  follows the cycle with the last objects of an event after @latency@ cycles, data_out as of @top@
//
// No reset: what came before a `first` has no effect on what comes after it.
`timescale 1 ns / 1 ps
module @name@ #(
    parameter CYCLES = @cycles@
) (
    input wire clk,
    input wire valid_in,
    input wire first,
    // verilator lint_off UNUSEDSIGNAL
    input wire [((@objects@ + CYCLES - 1) / CYCLES) * @width@ - 1:0] objects,
    // verilator lint_on UNUSEDSIGNAL
    output wire valid_out,
    output wire [@bits_out@ - 1:0] data_out
);
    localparam PER_CYCLE = (@objects@ + CYCLES - 1) / CYCLES;
    localparam WORDS = (@objects@ + PER_CYCLE - 1) / PER_CYCLE;
    localparam BITS = PER_CYCLE * @width@;
    localparam [WORDS - 1:0] FIRST = 1;

    // Which word this one is, and the next one will be: one bit a word, none after the last.
    reg [WORDS - 1:0] next;
    wire [WORDS - 1:0] word = first ? FIRST : next;
    initial next = 0;
    always @(posedge clk) if (valid_in) next <= word << 1;

    // verilator lint_off UNUSEDSIGNAL
    wire [WORDS * BITS - 1:0] all;
    // verilator lint_on UNUSEDSIGNAL
    wire [@bits_in@ - 1:0] data_in;
    genvar w;
    generate
        for (w = 0; w < WORDS; w = w + 1) begin: words
            if (w == WORDS - 1) begin: at_hand
                assign all[w * BITS +: BITS] = objects;
            end else begin: stored
                reg [BITS - 1:0] kept;
                always @(posedge clk) if (valid_in && word[w]) kept <= objects;
                assign all[w * BITS +: BITS] = kept;
            end
        end
    endgenerate
@wires@

    @top@ core (
        .clk(clk), .valid_in(valid_in && word[WORDS - 1]), .data_in(data_in), .valid_out(valid_out), .data_out(data_out)
    );
endmodule
