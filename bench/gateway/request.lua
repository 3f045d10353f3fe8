-- The load of the benchmark: 2 KB of JSON in.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model":"bench-3","messages":[{"role":"user","content":"' .. string.rep("a", 1940) .. '"}],"temperature":0.7}'
