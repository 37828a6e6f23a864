module a.millrace.invalid/quietlog

go 1.26.0
