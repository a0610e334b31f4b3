module github.com/lodoor/lodoor

go 1.26
