package configs

// nearest is the name that somebody who wrote s probably meant; empty when none is near.
func nearest(s string, names []string) string {
	best, bestDistance := "", max(2, len(s)/3)+1
	for _, name := range names {
		if d := distance(s, name); d < bestDistance && d < len(name) {
			best, bestDistance = name, d
		}
	}
	return best
}

// distance counts the letters to insert, remove, replace or swap with the next one to make b of a.
func distance(a, b string) int {
	if len(a) > 100 || len(b) > 100 {
		return max(len(a), len(b))
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			rows[i][j] = step(rows, a, b, i, j)
		}
	}
	return rows[len(a)][len(b)]
}

func step(rows [][]int, a, b string, i, j int) int {
	replace := rows[i-1][j-1]
	if a[i-1] != b[j-1] {
		replace++
	}
	least := min(replace, rows[i-1][j]+1, rows[i][j-1]+1)
	if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
		least = min(least, rows[i-2][j-2]+1)
	}
	return least
}
