// @name@: checks @top@ with @vectors@ vectors. In this folder:
//
//   $ iverilog -g2012 -s @name@ -o @name@ @name@.sv ../*.v && vvp -n @name@
//   $ verilator --binary --timing -Wno-fatal -CFLAGS -std=gnu++20 --top-module @name@ @name@.sv ../*.v
//   $ obj_dir/V@name@
//
// A line of the file of vectors is data_in and the expected data_out in hexadecimal, @hex_in@ and @hex_out@ digits;
// +vectors=FILE names another one.
`timescale 1 ns / 1 ps
module @name@;
    localparam VECTORS = @vectors@;
    localparam LATENCY = @latency@;  // cycles from valid_in to valid_out
    localparam II = @ii@;  // cycles from one vector to the next, at least
    localparam AFTER = LATENCY + 16;  // cycles after the last vector

    reg [4 * @hex_both@ - 1:0] vectors [0:VECTORS - 1];
    integer entered [0:VECTORS - 1];  // cycle of each vector
    reg [4 * @hex_both@ - 1:0] line;
    reg [8 * 256 - 1:0] file;
    reg [31:0] random;
    reg clk, valid_in;
    reg [@bits_in@ - 1:0] data_in;
    wire valid_out;
    wire [@bits_out@ - 1:0] data_out;
    integer source, cycle, sent, received, differences, first;
    reg [@bits_out@ - 1:0] found, expected;

    @top@ device (
        .clk(clk), .valid_in(valid_in), .data_in(data_in), .valid_out(valid_out), .data_out(data_out)
    );

    task fail_cycle;
        begin
            $display("FAIL: cycle %0d: valid_out is %b with %0d vectors in and %0d out, expected latency %0d cycles",
                     cycle, valid_out, sent, received, LATENCY);
            $fatal(1);
        end
    endtask

    initial begin
        if (!$value$plusargs("vectors=%s", file)) file = "@name@.mem";
        source = $fopen(file, "r");
        for (sent = 0; sent < VECTORS; sent = sent + 1) begin
            if (source == 0 || $fscanf(source, "%h\n", line) != 1) begin
                $display("FAIL: %0s: expected %0d vectors, found %0d", file, VECTORS, sent);
                $fatal(1);
            end
            vectors[sent] = line;
        end
        $fclose(source);
        clk = 1'b0;
        valid_in = 1'b0;
        data_in = ~vectors[0][4 * @hex_out@ +: @bits_in@];
        sent = 0;
        received = 0;
        differences = 0;
        first = 0;
        random = 32'h2545f491;
        cycle = 0;
        while (sent < VECTORS || cycle <= entered[VECTORS - 1] + AFTER) begin
            random = random ^ (random << 13);
            random = random ^ (random >> 17);
            random = random ^ (random << 5);
            valid_in = sent < VECTORS && (sent < VECTORS / 2 || random[0])
                && (sent == 0 || cycle - entered[sent - 1] >= II);
            data_in = vectors[sent % VECTORS][4 * @hex_out@ +: @bits_in@] ^ {@bits_in@{!valid_in}};
            if (valid_in) begin
                entered[sent] = cycle;
                sent = sent + 1;
            end
            #@half_period@;
            // What is seen here was there before this cycle's rising edge.
            if (valid_out !== 1'b0) begin
                if (valid_out !== 1'b1 || received >= sent) fail_cycle;
                else begin
                    if (cycle - entered[received] != LATENCY) fail_cycle;
                    if (data_out !== vectors[received][@bits_out@ - 1:0]) begin
                        if (differences == 0) begin
                            first = received;
                            found = data_out;
                            expected = vectors[received][@bits_out@ - 1:0];
                        end
                        differences = differences + 1;
                    end
                    received = received + 1;
                end
            end
            clk = 1'b1;
            #@half_period@;
            clk = 1'b0;
            cycle = cycle + 1;
        end
        if (received != VECTORS) fail_cycle;
        if (differences != 0) begin
            $display("FAIL: %0d of %0d vectors differ; first: vector %0d: data_out is %h, expected %h",
                     differences, VECTORS, first, found, expected);
            $fatal(1);
        end
        $display("PASS: %0d vectors, latency %0d cycles", VECTORS, LATENCY);
        $finish;
    end
endmodule
