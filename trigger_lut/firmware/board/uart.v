// @TOP@: @MODULE@ behind a serial port. 8 data bits, no parity, 1 stop bit, @CLOCKS_PER_BIT@ clocks a bit.
// An event is @BYTES_IN@ bytes, data_in from its low byte on. The answer is @BYTES_OUT@ bytes, data_out alike.
// Send the next event after the answer. After IDLE_CLOCKS without a byte, an incomplete event is dropped.
`timescale 1 ns / 1 ps
module @TOP@ #(
    parameter CLOCKS_PER_BIT = @CLOCKS_PER_BIT@,
    parameter IDLE_CLOCKS = @IDLE_CLOCKS@
) (
    input wire @CLK@,
    input wire @RX@,
    output wire @TX@
);
    wire clk = @CLK@;

    // Receiver: the start bit is checked in its middle, then each bit is read a bit time later.
    (* async_reg = "true" *) reg [1:0] line;
    reg receiving;
    reg [3:0] bits_left;
    reg [31:0] wait_in;
    reg [31:0] idle;
    reg [7:0] byte_in;
    reg byte_ready;
    initial line = 2'b11;
    initial receiving = 1'b0;
    initial byte_ready = 1'b0;
    initial idle = 32'd0;
    always @(posedge clk) begin
        line <= {line[0], @RX@};
        byte_ready <= 1'b0;
        idle <= (idle == IDLE_CLOCKS) ? idle : idle + 32'd1;
        if (!receiving) begin
            wait_in <= CLOCKS_PER_BIT / 2;
            bits_left <= 4'd10;
            receiving <= !line[1];
        end else begin
            idle <= 32'd0;
            if (wait_in != 32'd0) begin
                wait_in <= wait_in - 32'd1;
            end else begin
                wait_in <= CLOCKS_PER_BIT - 1;
                bits_left <= bits_left - 4'd1;
                if (bits_left == 4'd10) begin
                    receiving <= !line[1];  // a glitch is no start bit
                end else if (bits_left == 4'd1) begin
                    receiving <= 1'b0;
                    byte_ready <= line[1];
                end else begin
                    byte_in <= {line[1], byte_in[7:1]};
                end
            end
        end
    end

    // Bytes of an event, the first one at the bottom once all are there.
    reg [@LAST_BIT_IN@:0] event_in;
    reg [15:0] bytes_in;
    reg valid_in;
    initial bytes_in = 16'd0;
    initial valid_in = 1'b0;
    always @(posedge clk) begin
        valid_in <= 1'b0;
        if (byte_ready) begin
            event_in <= @SHIFTED_IN@;
            valid_in <= (bytes_in == 16'd@LAST_BYTE_IN@);
            bytes_in <= (bytes_in == 16'd@LAST_BYTE_IN@) ? 16'd0 : bytes_in + 16'd1;
        end else if (idle == IDLE_CLOCKS) begin
            bytes_in <= 16'd0;
        end
    end

    wire valid_out;
    wire [@BITS_OUT_LAST@:0] data_out;
    @MODULE@ network (
        .clk(clk), .valid_in(valid_in), .data_in(event_in[@BITS_IN_LAST@:0]), .valid_out(valid_out), .data_out(data_out)
    );

    // Transmitter: start bit, 8 bits from the lowest on, stop bit.
    reg [@LAST_BIT_OUT@:0] event_out;
    reg [15:0] bytes_left;
    reg [9:0] frame;
    reg [3:0] frame_left;
    reg [31:0] wait_out;
    initial bytes_left = 16'd0;
    initial frame = 10'h3ff;
    initial frame_left = 4'd0;
    assign @TX@ = frame[0];
    always @(posedge clk) begin
        if (valid_out && bytes_left == 16'd0 && frame_left == 4'd0) begin
            event_out <= @PADDED_OUT@;
            bytes_left <= 16'd@BYTES_OUT@;
        end else if (frame_left != 4'd0) begin
            if (wait_out != 32'd0) begin
                wait_out <= wait_out - 32'd1;
            end else begin
                wait_out <= CLOCKS_PER_BIT - 1;
                frame <= {1'b1, frame[9:1]};
                frame_left <= frame_left - 4'd1;
            end
        end else if (bytes_left != 16'd0) begin
            frame <= {1'b1, event_out[7:0], 1'b0};
            event_out <= event_out >> 8;
            frame_left <= 4'd10;
            wait_out <= CLOCKS_PER_BIT - 1;
            bytes_left <= bytes_left - 16'd1;
        end
    end
endmodule
