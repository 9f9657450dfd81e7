// @name@: @top@ with the trigger's decision beside its outputs, one bit a working point.
//
//@description@
//
// latency_cycles = @latency@: valid_out, data_out and decision follow valid_in and data_in after @latency@ clock edges,
// @network_latency@ of them in @top@. A new input every cycle, no reset. data_in and data_out as of @top@.
// @name@_logic is the decision alone, @cycles@ clock edge(s) behind what @top@
// or @top@_tmux give.
`timescale 1 ns / 1 ps
module @name@ #(
@parameters@
) (
    input wire clk,
    input wire valid_in,
    input wire [@bits_in@ - 1:0] data_in,
    output wire valid_out,
    output wire [@bits_out@ - 1:0] data_out,
    output wire [@points@ - 1:0] decision
);
    wire valid;
    wire [@bits_out@ - 1:0] outputs;
    @top@ network (
        .clk(clk), .valid_in(valid_in), .data_in(data_in), .valid_out(valid), .data_out(outputs)
    );
    @name@_logic #(
@passed@
    ) decide (
        .clk(clk), .valid_in(valid), .data_in(outputs), .valid_out(valid_out), .data_out(data_out), .decision(decision)
    );
endmodule

module @name@_logic #(
@parameters@
) (
    input wire clk,
    input wire valid_in,
    input wire [@bits_out@ - 1:0] data_in,
    output wire valid_out,
    output wire [@bits_out@ - 1:0] data_out,
    output reg [@points@ - 1:0] decision
);
    // valid and outputs, delayed beside the decision
    (* shreg_extract = "no" *) reg [@cycles@ - 1:0] valid;
    (* shreg_extract = "no" *) reg [@cycles@ * @bits_out@ - 1:0] delayed;
    initial valid = 0;
    always @(posedge clk) valid <= @valid@;
    always @(posedge clk) delayed <= @delayed@;
    assign valid_out = valid[@cycles@ - 1];
    assign data_out = delayed[@cycles@ * @bits_out@ - 1:@cycles@ * @bits_out@ - @bits_out@];

    // Output n is out<n> - 2**@sign@ steps of @step@: numbers without sign are compared in one carry chain.
    // In the same way the score is `score` - 2**@score_sign@.
@steps@
    always @(posedge clk) begin
@comparisons@
    end
endmodule
